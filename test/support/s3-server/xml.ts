/** What an element holds: text, one element of each name, or several of the same name. */
export type XmlNode = string | number | boolean | undefined | XmlElements | readonly XmlNode[];
export interface XmlElements {
  readonly [name: string]: XmlNode;
}

const NAMESPACE = 'http://s3.amazonaws.com/doc/2006-03-01/';

/** A whole document; `undefined` leaves an element out and an array repeats it. */
export function xmlDocument(root: string, content: XmlElements, namespace = true): string {
  const attribute = namespace ? ` xmlns="${NAMESPACE}"` : '';
  const head = '<?xml version="1.0" encoding="UTF-8"?>\n';
  return `${head}<${root}${attribute}>${elements(content)}</${root}>`;
}

function elements(content: XmlElements): string {
  return Object.entries(content)
    .map(([name, node]) => element(name, node))
    .join('');
}

function element(name: string, node: XmlNode): string {
  if (node === undefined) return '';
  if (Array.isArray(node)) return node.map((item: XmlNode) => element(name, item)).join('');
  const inner = typeof node === 'object' ? elements(node as XmlElements) : escapeText(`${node}`);
  return `<${name}>${inner}</${name}>`;
}

function escapeText(value: string): string {
  // Control characters are not legal in XML 1.0; S3 writes them as references all the same.
  return value.replace(/[&<>"\p{Cc}]/gu, (char) => `&#${char.charCodeAt(0)};`);
}

/** The text of every `<name>` below, decoded; enough for the flat documents that S3 receives. */
export function xmlTexts(xml: string, name: string): string[] {
  return xmlBlocks(xml, name).map(unescapeText);
}

export function xmlText(xml: string, name: string): string | undefined {
  return xmlTexts(xml, name)[0];
}

/** The inner XML of every `<name>…</name>`. */
export function xmlBlocks(xml: string, name: string): string[] {
  const pattern = new RegExp(`<${name}(?:\\s[^>]*)?(?:/>|>([\\s\\S]*?)</${name}>)`, 'g');
  return [...xml.matchAll(pattern)].map((match) => match[1] ?? '');
}

const ENTITIES: Record<string, string> = { amp: '&', lt: '<', gt: '>', quot: '"', apos: "'" };

function unescapeText(value: string): string {
  return value.replace(/&(#x[0-9a-f]+|#[0-9]+|[a-z]+);/gi, (whole, name: string) => {
    if (name.startsWith('#x')) return String.fromCodePoint(Number.parseInt(name.slice(2), 16));
    if (name.startsWith('#')) return String.fromCodePoint(Number.parseInt(name.slice(1), 10));
    return ENTITIES[name] ?? whole;
  });
}
