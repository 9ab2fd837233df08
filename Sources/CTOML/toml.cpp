// SPDX-License-Identifier: Apache-2.0
#include "CTOML.h"

// toml++ 3.3 asserts what a malformed file breaks ("[!" aborts the process), and with NDEBUG takes it for true, which is
// undefined behaviour. Without either it goes on to its own error for that.
#undef NDEBUG
#define TOML_ASSERT(expression) static_assert(true)
#define TOML_HEADER_ONLY 1
#define TOML_EXCEPTIONS 0
#define TOML_ENABLE_FORMATTERS 0
// toml++ reads a floating-point number with a stream unless told that <charconv> can (it can since GCC 11). The streams
// are 530 KB of code, and the locales that they set up cost each start 0.05 to 0.1 ms.
#define TOML_FLOAT_CHARCONV 1
// Arrays and inline tables inside each other; each end takes place within the outer one's.
#define TOML_MAX_NESTED_VALUES 32
#include <toml++/toml.h>

#include <iterator>
#include <string>
#include <string_view>
#include <utility>

struct ctoml_document {
    toml::parse_result result;
    std::string error;
};

namespace {

ctoml_kind kind_of(const toml::node &node) noexcept {
    switch (node.type()) {
    case toml::node_type::table: return CTOML_TABLE;
    case toml::node_type::array: return CTOML_ARRAY;
    case toml::node_type::string: return CTOML_STRING;
    case toml::node_type::integer: return CTOML_INTEGER;
    case toml::node_type::floating_point: return CTOML_FLOAT;
    case toml::node_type::boolean: return CTOML_BOOLEAN;
    case toml::node_type::date:
    case toml::node_type::time:
    case toml::node_type::date_time: return CTOML_DATE_TIME;
    case toml::node_type::none: break;
    }
    return CTOML_ABSENT;
}

ctoml_value value_of(const toml::node *node) noexcept {
    if (node == nullptr) return {nullptr, CTOML_ABSENT, 0, 0};
    const auto &begin = node->source().begin;
    return {node, kind_of(*node), begin.line, begin.column};
}

const toml::node *node_of(ctoml_value value) noexcept { return static_cast<const toml::node *>(value.node); }

const toml::table *table_of(ctoml_value value) noexcept {
    return value.kind == CTOML_TABLE ? node_of(value)->as_table() : nullptr;
}

const toml::array *array_of(ctoml_value value) noexcept {
    return value.kind == CTOML_ARRAY ? node_of(value)->as_array() : nullptr;
}

} // namespace

ctoml_document *ctoml_parse(const char *bytes, size_t count) {
    auto result = toml::parse(std::string_view(bytes, count));
    std::string error;
    if (!result) error = result.error().description();
    return new ctoml_document{std::move(result), std::move(error)};
}

void ctoml_free(ctoml_document *document) { delete document; }

const char *ctoml_error(const ctoml_document *document, uint32_t *line, uint32_t *column) {
    if (document->result) return nullptr;
    const auto &begin = document->result.error().source().begin;
    *line = begin.line;
    *column = begin.column;
    return document->error.c_str();
}

ctoml_value ctoml_root(const ctoml_document *document) {
    return value_of(document->result ? &document->result.table() : nullptr);
}

ctoml_value ctoml_member(ctoml_value table, const char *key, size_t count) {
    const auto *nodes = table_of(table);
    return value_of(nodes == nullptr ? nullptr : nodes->get(std::string_view(key, count)));
}

size_t ctoml_count(ctoml_value value) {
    if (const auto *nodes = table_of(value)) return nodes->size();
    if (const auto *nodes = array_of(value)) return nodes->size();
    return 0;
}

ctoml_value ctoml_element(ctoml_value array, size_t index) {
    const auto *nodes = array_of(array);
    return value_of(nodes == nullptr ? nullptr : nodes->get(index));
}

const char *ctoml_key(ctoml_value table, size_t index, size_t *count) {
    const auto *nodes = table_of(table);
    if (nodes == nullptr || index >= nodes->size()) return nullptr;
    auto entry = nodes->cbegin();
    std::advance(entry, index);
    const std::string_view key = entry->first.str();
    *count = key.size();
    return key.data();
}

const char *ctoml_string(ctoml_value value, size_t *count) {
    if (value.kind != CTOML_STRING) return nullptr;
    const std::string &text = node_of(value)->as_string()->get();
    *count = text.size();
    return text.data();
}

int64_t ctoml_integer(ctoml_value value) {
    return value.kind == CTOML_INTEGER ? node_of(value)->as_integer()->get() : 0;
}

bool ctoml_boolean(ctoml_value value) {
    return value.kind == CTOML_BOOLEAN && node_of(value)->as_boolean()->get();
}
