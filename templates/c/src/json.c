#include "json.h"

#include <stdlib.h>
#include <string.h>

/// Deeper ones are refused, before the stack is full.
enum { DEEPEST = 100 };

/// Where the reading of an object is.
enum { BEFORE, WITHIN, BEHIND };

static bool fail(json_object *object, const char *error) {
  if (object->error == NULL) object->error = error;
  return false;
}

static bool is_space(char byte) { return byte == ' ' || byte == '\t' || byte == '\r' || byte == '\n'; }

static void skip_space(json_object *object) {
  while (object->at < object->end && is_space(*object->at)) object->at += 1;
}

/// The next byte that is not space, which is not taken; 0: there is none.
static char peek(json_object *object) {
  skip_space(object);
  return object->at < object->end ? *object->at : '\0';
}

static bool take(json_object *object, char expected) {
  if (peek(object) != expected) return false;
  object->at += 1;
  return true;
}

static bool is_digit(char byte) { return byte >= '0' && byte <= '9'; }

static bool is_hexadecimal(char byte) {
  return is_digit(byte) || (byte >= 'a' && byte <= 'f') || (byte >= 'A' && byte <= 'F');
}

/// The length of the character that begins here; 0: it is no UTF-8.
static size_t character(const unsigned char *at, size_t left) {
  if (at[0] < 0x80) return 1;
  size_t length = at[0] >= 0xf0 ? 4 : at[0] >= 0xe0 ? 3 : 2;
  if (at[0] < 0xc2 || at[0] > 0xf4 || left < length) return 0;
  // Overlong forms, surrogates, and what is beyond the last character.
  unsigned char lowest = at[0] == 0xe0 ? 0xa0 : at[0] == 0xf0 ? 0x90 : 0x80;
  unsigned char highest = at[0] == 0xed ? 0x9f : at[0] == 0xf4 ? 0x8f : 0xbf;
  if (at[1] < lowest || at[1] > highest) return 0;
  for (size_t index = 2; index < length; index += 1) {
    if ((at[index] & 0xc0) != 0x80) return 0;
  }
  return length;
}

static bool skip_string(json_object *object) {
  if (!take(object, '"')) return fail(object, "a name or a value is missing");
  while (object->at < object->end) {
    unsigned char byte = (unsigned char)*object->at;
    if (byte == '"') {
      object->at += 1;
      return true;
    }
    if (byte < 0x20) return fail(object, "a control character in a string");
    size_t length = character((const unsigned char *)object->at, (size_t)(object->end - object->at));
    if (byte == '\\') {
      size_t left = (size_t)(object->end - object->at);
      if (left >= 2 && object->at[1] != '\0' && strchr("\"\\/bfnrt", object->at[1]) != NULL) {
        length = 2;
      } else if (left >= 6 && object->at[1] == 'u' && is_hexadecimal(object->at[2]) && is_hexadecimal(object->at[3]) &&
                 is_hexadecimal(object->at[4]) && is_hexadecimal(object->at[5])) {
        length = 6;
      } else {
        return fail(object, "no such escape in a string");
      }
    }
    if (length == 0) return fail(object, "a string is not UTF-8");
    object->at += length;
  }
  return fail(object, "a string has no end");
}

static bool skip_digits(json_object *object) {
  const char *start = object->at;
  while (object->at < object->end && is_digit(*object->at)) object->at += 1;
  return object->at > start || fail(object, "a number lacks a digit");
}

static bool skip_number(json_object *object) {
  if (*object->at == '-') object->at += 1;
  if (object->at < object->end && *object->at == '0') {
    object->at += 1;
  } else if (!skip_digits(object)) {
    return false;
  }
  if (object->at < object->end && *object->at == '.') {
    object->at += 1;
    if (!skip_digits(object)) return false;
  }
  if (object->at < object->end && (*object->at == 'e' || *object->at == 'E')) {
    object->at += 1;
    if (object->at < object->end && (*object->at == '+' || *object->at == '-')) object->at += 1;
    if (!skip_digits(object)) return false;
  }
  return true;
}

static bool skip_word(json_object *object, const char *word) {
  size_t length = strlen(word);
  if ((size_t)(object->end - object->at) < length || memcmp(object->at, word, length) != 0) {
    return fail(object, "no such word");
  }
  object->at += length;
  return true;
}

static bool skip_value(json_object *object, int depth) {
  char first = peek(object);
  if (first == '"') return skip_string(object);
  if (first == '-' || is_digit(first)) return skip_number(object);
  if (first == 't') return skip_word(object, "true");
  if (first == 'f') return skip_word(object, "false");
  if (first == 'n') return skip_word(object, "null");
  if (first != '{' && first != '[') return fail(object, "a name or a value is missing");
  if (depth == DEEPEST) return fail(object, "it is nested too deeply");
  char last = first == '{' ? '}' : ']';
  object->at += 1;
  if (take(object, last)) return true;
  do {
    if (first == '{' && (!skip_string(object) || !(take(object, ':') || fail(object, "a colon is missing")))) {
      return false;
    }
    if (!skip_value(object, depth + 1)) return false;
  } while (take(object, ','));
  return take(object, last) || fail(object, "an object or an array has no end");
}

json_object json_object_of(ks_bytes text) {
  json_object object = {.at = text.at, .end = text.at + text.length};
  // Some programs write a byte order mark before it.
  if (text.length >= 3 && memcmp(text.at, "\xef\xbb\xbf", 3) == 0) object.at += 3;
  return object;
}

bool json_next(json_object *object, json_field *field) {
  if (object->error != NULL || object->state == BEHIND) return false;
  if (object->state == BEFORE) {
    object->state = WITHIN;
    if (!take(object, '{')) return fail(object, "it is no object");
    if (peek(object) == '}') goto end;
  } else if (!take(object, ',')) {
    goto end;
  }
  skip_space(object);
  const char *name = object->at;
  if (!skip_string(object)) return false;
  field->name = (ks_bytes){name + 1, (size_t)(object->at - name) - 2};
  if (!take(object, ':')) return fail(object, "a colon is missing");
  skip_space(object);
  const char *value = object->at;
  if (!skip_value(object, 0)) return false;
  field->value = (ks_bytes){value, (size_t)(object->at - value)};
  return true;

end:
  if (!take(object, '}')) return fail(object, "the object has no end");
  skip_space(object);
  if (object->at < object->end) return fail(object, "something stands behind the object");
  object->state = BEHIND;
  return false;
}

bool json_number(ks_bytes value, double *number) {
  if (value.length == 0 || !(*value.at == '-' || is_digit(*value.at))) return false;
  ks_bytes text = ks_format("%.*s", KS_PRINT(value));
  char *end;
  *number = strtod(text.at, &end);
  return end == text.at + text.length;
}
