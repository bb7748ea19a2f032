/** The entry of the function app: every function registers itself when it is imported. */
import './replicate.ts';
import './verify.ts';
import './verify-on-event.ts';
import './worker.ts';
