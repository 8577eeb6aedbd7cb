// Reads Hugging Face's tokenizer.json. Every number and name of the file is checked before it is used.
#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <nlohmann/json.hpp>
#include <string>
#include <utility>
#include <vector>

#include "base/error.hpp"
#include "base/log.hpp"
#include "dataset/byte_symbols.hpp"
#include "dataset/json_field.hpp"
#include "dataset/pipeline_json.hpp"
#include "dataset/tokenizer_parts.hpp"

namespace modr {
namespace {

/// The vocabulary: into the list of all tokens, and as bytes for the model.
ByteLevelBpe::WholePieces read_vocab(const JsonField& vocab, TokenList& tokens) {
  ByteLevelBpe::WholePieces pieces;
  for (const auto& [token, value] : vocab.object().items()) {
    const bool in_range = value.is_number_unsigned() && value.get<uint64_t>() <= TokenList::kMaxId;
    if (!in_range) {
      vocab.fail_here(fmt::format("token {}: expected an id from 0 to {}, found {}", excerpt(token), TokenList::kMaxId,
                                  excerpt(value.dump(-1, ' ', true))));
    }
    const auto id = value.get<int32_t>();
    if (!tokens.add(id, token)) {
      vocab.fail_here(
          fmt::format("tokens {} and {} have the same id {}", excerpt(*tokens.token(id)), excerpt(token), id));
    }
    if (auto bytes = from_symbols(token); bytes && !bytes->empty()) pieces.emplace_back(std::move(*bytes), id);
  }
  if (tokens.size() == 0) vocab.fail_here("has no tokens");
  return pieces;
}

/// One entry of model.merges: "a b", or ["a", "b"].
std::pair<std::string, std::string> read_pair(const JsonField& merge) {
  if (merge.is_array() && merge.size() == 2) return {merge.element(0).string(), merge.element(1).string()};
  if (merge.is_string()) {
    const std::string& text = merge.string();
    const std::size_t space = text.find(' ');
    if (space != std::string::npos && text.find(' ', space + 1) == std::string::npos) {
      return {text.substr(0, space), text.substr(space + 1)};
    }
  }
  merge.fail_here("expected two tokens, \"a b\" or [\"a\", \"b\"]");
}

std::vector<BpeMerge> read_merges(const JsonField& merges, const TokenList& tokens) {
  std::vector<BpeMerge> result;
  result.reserve(merges.size());
  for (std::size_t i = 0; i < merges.size(); ++i) {
    const auto [left, right] = read_pair(merges.element(i));
    const auto id_of = [&](const std::string& token) {
      const auto id = tokens.find(token);
      if (!id) merges.element(i).fail_here(fmt::format("token {} is not in model.vocab", excerpt(token)));
      return *id;
    };
    result.push_back({id_of(left), id_of(right), id_of(left + right)});
  }
  return result;
}

ByteIds read_byte_ids(const JsonField& model, const TokenList& tokens, const std::string& file) {
  ByteIds bytes;
  bytes.fuse_unknown = model.boolean("fuse_unk", false);
  if (const auto unknown = model.find("unk_token")) {
    const auto id = tokens.find(unknown->string());
    if (!id) unknown->fail_here(fmt::format("token {} is not in model.vocab", excerpt(unknown->string())));
    bytes.unknown = *id;
  }
  int missing = 0;
  for (std::size_t byte = 0; byte < bytes.ids.size(); ++byte) {
    const auto id = tokens.find(byte_symbol(static_cast<uint8_t>(byte)));
    missing += !id;
    bytes.ids[byte] = id.value_or(bytes.unknown);
  }
  if (missing == 256) model.at("vocab").fail_here("has no token for any byte; expected a byte-level vocabulary");
  if (missing > 0) {
    warn("{}: {} of the 256 bytes have no token: text that needs them {}", file, missing,
         bytes.unknown == ByteIds::kNone ? "loses them" : "gets the unknown token");
  }
  return bytes;
}

void refuse_unsupported_model(const JsonField& model) {
  if (const auto type = model.find("type"); type && type->string() != "BPE") {
    type->fail_here(fmt::format("{} is not supported, expected 'BPE'", excerpt(type->string())));
  }
  for (const char* affix : {"continuing_subword_prefix", "end_of_word_suffix"}) {
    if (const auto field = model.find(affix); field && !field->string().empty()) {
      field->fail_here("is not supported in a byte-level BPE, expected null");
    }
  }
  const auto& object = model.object();
  const auto dropout = object.find("dropout");
  if (dropout != object.end() && !dropout->is_null() && *dropout != 0.0) {
    model.at("dropout").fail_here("is not supported, expected null");
  }
}

std::vector<AddedToken> read_added_tokens(const JsonField& document, TokenList& tokens) {
  std::vector<AddedToken> added;
  const auto list = document.find("added_tokens");
  for (std::size_t i = 0; list && i < list->size(); ++i) {
    const JsonField entry = list->element(i);
    AddedToken token{.content = entry.at("content").string(),
                     .id = static_cast<int32_t>(entry.at("id").integer(0, TokenList::kMaxId)),
                     .special = entry.boolean("special", false),
                     .lstrip = entry.boolean("lstrip", false),
                     .rstrip = entry.boolean("rstrip", false),
                     .single_word = entry.boolean("single_word", false)};
    token.normalized = entry.boolean("normalized", !token.special);
    if (token.content.empty()) entry.at("content").fail_here("is empty");
    if (const auto known = tokens.find(token.content); known && *known != token.id) {
      entry.at("id").fail_here(
          fmt::format("{} already has the id {}, found {}", excerpt(token.content), *known, token.id));
    }
    if (!tokens.add(token.id, token.content)) {
      entry.at("id").fail_here(fmt::format("{} already belongs to {}", token.id, excerpt(*tokens.token(token.id))));
    }
    if (token.special) tokens.mark_special(token.id);
    const bool repeated =
        std::ranges::any_of(added, [&](const AddedToken& other) { return other.content == token.content; });
    if (!repeated) added.push_back(std::move(token));
  }
  return added;
}

AddedTokenMatcher matcher_of(const std::vector<AddedToken>& added, bool normalized) {
  std::vector<AddedToken> chosen;
  for (const AddedToken& token : added) {
    if (token.normalized == normalized) chosen.push_back(token);
  }
  return AddedTokenMatcher(std::move(chosen));
}

/// bos_token, eos_token and pad_token of tokenizer_config.json: null, a string, or an object with `content`.
void read_roles(const std::filesystem::path& path, const TokenList& tokens, RoleIds& roles) {
  if (!std::filesystem::is_regular_file(path)) return;
  const nlohmann::json config = read_json_file(path.string());
  const JsonField document(config, path.string());
  const std::array fields = {std::pair{"bos_token", &roles.bos}, std::pair{"eos_token", &roles.eos},
                             std::pair{"pad_token", &roles.pad}};
  for (const auto& [key, id] : fields) {
    const auto field = document.find(key);
    if (!field) continue;
    const std::string& token = field->is_string() ? field->string() : field->at("content").string();
    *id = tokens.find(token);
    if (!*id) field->fail_here(fmt::format("{} is not a token of tokenizer.json", excerpt(token)));
  }
}

}  // namespace

TokenizerParts read_tokenizer_json(const std::filesystem::path& path) {
  const nlohmann::json json = read_json_file(path.string());
  const JsonField document(json, path.string());
  refuse_normalizer(document);
  refuse_other_decoders(document);
  const JsonField model = document.at("model");
  refuse_unsupported_model(model);

  TokenList tokens;
  const auto pieces = read_vocab(model.at("vocab"), tokens);
  const auto merges = read_merges(model.at("merges"), tokens);
  const ByteIds bytes = read_byte_ids(model, tokens, path.string());
  const auto added = read_added_tokens(document, tokens);
  const SequenceFrame frame = read_post_processor(document, tokens);
  TokenizerParts parts{.name = path.string(),
                       .tokens = std::move(tokens),
                       .verbatim_tokens = matcher_of(added, false),
                       .normalized_tokens = matcher_of(added, true),
                       .pre_tokenizer = read_pre_tokenizer(document),
                       .bpe = ByteLevelBpe(bytes, merges, pieces, model.boolean("ignore_merges", false)),
                       .prefix = frame.prefix,
                       .suffix = frame.suffix,
                       .roles = {}};
  read_roles(path.parent_path() / "tokenizer_config.json", parts.tokens, parts.roles);
  find_well_known_roles(parts.tokens, parts.roles);
  return parts;
}

}  // namespace modr
