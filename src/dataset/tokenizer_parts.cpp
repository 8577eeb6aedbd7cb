#include "dataset/tokenizer_parts.hpp"

#include <initializer_list>

#include "base/error.hpp"

namespace modr {
namespace {

void find_first(const TokenList& tokens, std::initializer_list<std::string_view> names, std::optional<int32_t>& id) {
  for (const std::string_view name : names) {
    if (!id) id = tokens.find(name);
  }
}

}  // namespace

bool TokenList::add(int32_t id, std::string_view token) {
  MODR_CHECK(id >= 0 && id <= kMaxId, "token id {} is out of range", id);
  const auto index = static_cast<std::size_t>(id);
  if (index >= tokens_.size()) {
    tokens_.resize(index + 1, nullptr);
    special_.resize(index + 1, false);
  }
  if (tokens_[index] != nullptr) return *tokens_[index] == token;
  const auto [entry, inserted] = ids_.emplace(token, id);
  if (!inserted) return false;
  tokens_[index] = &entry->first;
  return true;
}

std::optional<int32_t> TokenList::find(std::string_view token) const {
  const auto entry = ids_.find(token);
  return entry == ids_.end() ? std::nullopt : std::optional(entry->second);
}

const std::string* TokenList::token(int64_t id) const {
  return id >= 0 && id < size() ? tokens_[static_cast<std::size_t>(id)] : nullptr;
}

void find_well_known_roles(const TokenList& tokens, RoleIds& roles) {
  find_first(tokens, {"<|begin_text|>", "<|begin_of_text|>", "<|startoftext|>", "<s>", "<bos>"}, roles.bos);
  find_first(tokens, {"<|end_text|>", "<|end_of_text|>", "<|endoftext|>", "</s>", "<eos>"}, roles.eos);
  find_first(tokens, {"<|pad|>", "<|padding|>", "<pad>", "[PAD]"}, roles.pad);
  find_first(tokens, {"<|end_turn|>", "<|eot_id|>", "<|im_end|>", "<|end|>"}, roles.end_turn);
  if (!roles.pad) roles.pad = roles.eos;
  if (!roles.end_turn) roles.end_turn = roles.eos;
}

}  // namespace modr
