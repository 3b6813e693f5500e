/** Decoded OPC UA values as one line of text: what a person reads in place of JSON. */
import { VALUE_CHARACTERS_MAX } from '../explain.ts';

/** Elements of an array that a text names. */
const ELEMENTS_MAX = 64;

/** Not yet escaped for a screen. */
export function valueText(value: unknown): string {
  if (value === undefined || value === null) return '(null)';
  if (typeof value === 'string') return value;
  if (typeof value !== 'object') return String(value);
  if (Array.isArray(value)) return listText(value);
  if ('code' in value && 'name' in value) return String(value.name);
  if ('type' in value) {
    const { type } = value;
    return 'value' in value ? `${String(type)} ${valueText(value.value)}` : String(type);
  }
  if ('status' in value) return dataValueText(value);
  if ('namespaceIndex' in value && 'name' in value) {
    return `${String(value.namespaceIndex)}:${String(value.name)}`;
  }
  if ('sha256Thumbprint' in value) {
    const bytes = Reflect.get(value, 'certificateBytes');
    return `certificate of ${bytes} bytes, sha256 ${String(value.sha256Thumbprint)}`;
  }
  if ('text' in value) return String(value.text);
  const json = JSON.stringify(value);
  return json === '{}' ? '' : json.slice(0, VALUE_CHARACTERS_MAX);
}

function listText(values: readonly unknown[]): string {
  const shown = values.slice(0, ELEMENTS_MAX).map(valueText).join(', ');
  return values.length > ELEMENTS_MAX ? `[${shown}, ...]` : `[${shown}]`;
}

function dataValueText(value: object): string {
  const parts = 'value' in value ? [valueText(value.value)] : [];
  for (const name of ['status', 'sourceTimestamp', 'serverTimestamp']) {
    const part: unknown = Reflect.get(value, name);
    if (part !== undefined) parts.push(name === 'status' ? valueText(part) : `${name} ${part}`);
  }
  return parts.join(', ');
}
