/** Bytes that are no index of this repository, whatever their seal says. */
export class IndexDamage extends Error {
  readonly kind: 'unreadable' | 'foreign-key-length';

  constructor(reason: string, kind: IndexDamage['kind'] = 'unreadable') {
    super(reason);
    this.name = 'IndexDamage';
    this.kind = kind;
  }
}
