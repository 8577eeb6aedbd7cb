// Reads Hugging Face's tokenizer.json. Every number and name of the file is checked before it is used.
#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <unordered_map>
#include <utility>
#include <vector>

#include "base/error.hpp"
#include "base/log.hpp"
#include "dataset/byte_symbols.hpp"
#include "dataset/json_field.hpp"
#include "dataset/pipeline_json.hpp"
#include "dataset/tokenizer_parts.hpp"
#include "base/utf8.hpp"

namespace modr {
namespace {

/// The vocabulary: into the list of all tokens, and as pieces for the model.
Bpe::WholePieces read_vocab(const JsonField& vocab, bool byte_level, TokenList& tokens) {
  Bpe::WholePieces pieces;
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
    auto piece = byte_level ? from_symbols(token) : std::optional(token);
    if (piece && !piece->empty()) pieces.emplace_back(std::move(*piece), id);
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

/// The 256 bytes' tokens as `name` writes them; kNone where there is none.
template <typename Name>
std::array<int32_t, 256> find_byte_tokens(const TokenList& tokens, Name&& name) {
  std::array<int32_t, 256> ids{};
  for (std::size_t byte = 0; byte < ids.size(); ++byte) {
    ids[byte] = tokens.find(name(static_cast<uint8_t>(byte))).value_or(BpeAlphabet::kNone);
  }
  return ids;
}

BpeAlphabet byte_alphabet(const JsonField& model, const TokenList& tokens) {
  const auto ids = find_byte_tokens(tokens, byte_symbol);
  if (std::ranges::count(ids, BpeAlphabet::kNone) == std::ssize(ids)) {
    model.at("vocab").fail_here("has no token for any byte; expected a byte-level vocabulary");
  }
  return BpeAlphabet::of_bytes(ids);
}

BpeAlphabet character_alphabet(const Bpe::WholePieces& pieces) {
  std::unordered_map<char32_t, int32_t> ids;
  for (const auto& [piece, id] : pieces) {
    const Utf8Char c = decode_utf8(piece);
    if (c.valid && c.length == piece.size()) ids.emplace(c.code_point, id);
  }
  return BpeAlphabet::of_characters(std::move(ids));
}

/// Tells what becomes of characters that the vocabulary does not have.
void read_fallback(const JsonField& model, const TokenList& tokens, const std::string& file, BpeAlphabet& alphabet) {
  const bool fuse = model.boolean("fuse_unk", false);
  bool complete = false;
  if (model.boolean("byte_fallback", false)) {
    const auto byte_tokens = find_byte_tokens(tokens, [](uint8_t byte) { return fmt::format("<0x{:02X}>", byte); });
    complete = std::ranges::count(byte_tokens, BpeAlphabet::kNone) == 0;
    alphabet.fall_back_to_bytes(byte_tokens);
  }
  const auto unknown = model.find("unk_token");
  if (unknown) {
    const auto id = tokens.find(unknown->string());
    if (!id) unknown->fail_here(fmt::format("token {} is not in model.vocab", excerpt(unknown->string())));
    alphabet.set_unknown(*id, fuse);
  }
  if (complete || alphabet.has_all_bytes()) return;
  warn("{}: not every {} has a token: text that needs them {}", file, alphabet.is_of_bytes() ? "byte" : "character",
       unknown ? "gets the unknown token" : "loses them");
}

void refuse_unsupported_model(const JsonField& model) {
  if (const auto type = model.find("type"); type && type->string() != "BPE") {
    type->fail_here(fmt::format("{} is not supported, expected 'BPE'", excerpt(type->string())));
  }
  for (const char* affix : {"continuing_subword_prefix", "end_of_word_suffix"}) {
    if (const auto field = model.find(affix); field && !field->string().empty()) {
      field->fail_here("is not supported, expected null");
    }
  }
  const auto& object = model.object();
  const auto dropout = object.find("dropout");
  if (dropout != object.end() && !dropout->is_null() && *dropout != 0.0) {
    model.at("dropout").fail_here("is not supported, expected null");
  }
}

/// Parts that the library would apply by default but transformers switches off, too.
void warn_of_ignored_parts(const JsonField& document, const std::string& file) {
  for (const char* part : {"truncation", "padding"}) {
    if (document.find(part)) warn("{}: {} is not applied: the packing of batches decides", file, part);
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
    added.push_back(std::move(token));
  }
  return added;
}

AddedTokenMatcher matcher_of(const std::vector<AddedToken>& added, bool normalized) {
  std::vector<AddedToken> chosen;
  for (const AddedToken& token : added) {
    const bool taken =
        std::ranges::any_of(chosen, [&](const AddedToken& other) { return other.content == token.content; });
    if (token.normalized == normalized && !taken && !token.content.empty()) chosen.push_back(token);
  }
  return AddedTokenMatcher(std::move(chosen));
}

/// Tokens that are looked for in what the normalizer makes of a text are those that it makes of them. Returns the
/// contents that it changed.
std::unordered_map<int32_t, std::string> normalize(std::vector<AddedToken>& added, const Normalizer& normalizer) {
  std::unordered_map<int32_t, std::string> changed;
  for (AddedToken& token : added) {
    if (!token.normalized) continue;
    std::string content = normalizer.normalized(token.content);
    if (content == token.content) continue;
    token.content = content;
    changed.emplace(token.id, std::move(content));
  }
  return changed;
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
    const std::string token = field->is_string() ? field->string() : field->at("content").string();
    *id = tokens.find(token);
    if (!*id) field->fail_here(fmt::format("{} is not a token of tokenizer.json", excerpt(token)));
  }
}

}  // namespace

TokenizerParts read_tokenizer_json(const std::filesystem::path& path) {
  const nlohmann::json json = read_json_file(path.string());
  const JsonField document(json, path.string());
  const JsonField model = document.at("model");
  refuse_unsupported_model(model);
  warn_of_ignored_parts(document, path.string());

  Normalizer normalizer = read_normalizer(document);
  auto [pre_tokenizer, byte_level] = read_pre_tokenizer(document);
  TokenList tokens;
  const auto pieces = read_vocab(model.at("vocab"), byte_level, tokens);
  const auto merges = read_merges(model.at("merges"), tokens);
  BpeAlphabet alphabet = byte_level ? byte_alphabet(model, tokens) : character_alphabet(pieces);
  read_fallback(model, tokens, path.string(), alphabet);
  std::vector<AddedToken> added = read_added_tokens(document, tokens);
  auto shown_as = normalize(added, normalizer);
  const SequenceFrame frame = read_post_processor(document, tokens);
  TokenizerParts parts{
      .name = path.string(),
      .tokens = std::move(tokens),
      .verbatim_tokens = matcher_of(added, false),
      .normalized_tokens = matcher_of(added, true),
      .normalizer = std::move(normalizer),
      .shown_as = std::move(shown_as),
      .pre_tokenizer = std::move(pre_tokenizer),
      .bpe = Bpe(std::move(alphabet), merges, pieces, model.boolean("ignore_merges", false)),
      .decoder = read_decoder(document),
      .prefix = frame.prefix,
      .suffix = frame.suffix,
      .roles = {}};
  read_roles(path.parent_path() / "tokenizer_config.json", parts.tokens, parts.roles);
  find_well_known_roles(parts.tokens, parts.roles);
  return parts;
}

}  // namespace modr
