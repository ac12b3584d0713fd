/**
 * Type and subtype of a Content-Type, in small letters; '' if there is no Content-Type. Source: RFC 9110, section
 * 8.3.1.
 */
export function mediaTypeOf(contentType: string | undefined): string {
  return (contentType ?? '').split(';', 1)[0]?.trim().toLowerCase() ?? '';
}
