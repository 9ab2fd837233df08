// SPDX-License-Identifier: Apache-2.0
// The narrow door to toml++: parse a buffer, look at the tree, free it. No policy here, and no C++ on this side.
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

/// A parsed document, or the reason why there is none.
typedef struct ctoml_document ctoml_document;

typedef enum {
    CTOML_ABSENT,
    CTOML_TABLE,
    CTOML_ARRAY,
    CTOML_STRING,
    CTOML_INTEGER,
    CTOML_FLOAT,
    CTOML_BOOLEAN,
    CTOML_DATE_TIME, // a date, a time, or both
} ctoml_kind;

/// A value of a document, borrowed from it. `line` and `column` count from 1, columns in characters.
typedef struct {
    const void *node;
    ctoml_kind kind;
    uint32_t line;
    uint32_t column;
} ctoml_value;

/// Parses `count` bytes of TOML 1.0. Copies what it keeps. Never NULL: the process ends where memory runs out, as Swift
/// has it. The caller frees the document with ctoml_free().
ctoml_document *ctoml_parse(const char *bytes, size_t count) __attribute__((returns_nonnull));
void ctoml_free(ctoml_document *document);

/// What is wrong with the text and where, or NULL where it is TOML. Borrowed from the document.
const char *ctoml_error(const ctoml_document *document, uint32_t *line, uint32_t *column);

/// The top-level table; CTOML_ABSENT where the text was not TOML.
ctoml_value ctoml_root(const ctoml_document *document);

/// The value of `key` (`count` bytes, one key, not a dotted path) in a table; CTOML_ABSENT where there is none.
ctoml_value ctoml_member(ctoml_value table, const char *key, size_t count);

/// The number of elements of an array or of keys of a table; 0 for every other kind.
size_t ctoml_count(ctoml_value value);

/// The element at `index` of an array; CTOML_ABSENT past its end.
ctoml_value ctoml_element(ctoml_value array, size_t index);

/// The bytes of the key at `index` of a table, in byte order of the keys; NULL past its end. Borrowed.
const char *ctoml_key(ctoml_value table, size_t index, size_t *count);

/// The bytes of a string, which may hold NUL; NULL for every other kind. Borrowed.
const char *ctoml_string(ctoml_value value, size_t *count);

/// The value of an integer; 0 for every other kind.
int64_t ctoml_integer(ctoml_value value);

/// The value of a boolean; false for every other kind.
bool ctoml_boolean(ctoml_value value);

#ifdef __cplusplus
}
#endif
