#include "dataset/tokenizer.hpp"

#include <array>
#include <utility>

#include "base/error.hpp"
#include "dataset/byte_symbols.hpp"
#include "dataset/tokenizer_parts.hpp"
#include "base/utf8.hpp"

namespace modr {
namespace {

TokenizerParts byte_parts() {
  std::array<int32_t, 256> bytes{};
  TokenList tokens;
  for (int32_t id = 0; id < 256; ++id) {
    bytes[static_cast<std::size_t>(id)] = id;
    tokens.add(id, byte_symbol(static_cast<uint8_t>(id)));
  }
  std::vector<AddedToken> added;
  for (const char* content :
       {"<|begin_text|>", "<|end_text|>", "<|begin_header|>", "<|end_header|>", "<|end_turn|>", "<|pad|>"}) {
    const auto id = static_cast<int32_t>(tokens.size());
    tokens.add(id, content);
    tokens.mark_special(id);
    added.push_back({.content = content, .id = id, .special = true});
  }
  TokenizerParts parts{.name = "the byte tokenizer",
                       .tokens = std::move(tokens),
                       .verbatim_tokens = AddedTokenMatcher(std::move(added)),
                       .normalized_tokens = {},
                       .normalizer = {},
                       .shown_as = {},
                       .pre_tokenizer = {},
                       .bpe = Bpe(BpeAlphabet::of_bytes(bytes), {}, {}, false),
                       .decoder = {},
                       .prefix = {},
                       .suffix = {},
                       .roles = {}};
  find_well_known_roles(parts.tokens, parts.roles);
  parts.prefix = {*parts.roles.bos};
  parts.decoder.add(decoder_step::ByteLevel{});
  return parts;
}

/// Cuts `text` at the tokens that `matcher` knows: appends their ids, and gives what lies between to `between`.
template <typename Between>
void cut_out(const AddedTokenMatcher& matcher, std::string_view text, std::vector<int32_t>& ids, Between&& between) {
  std::size_t done = 0;
  while (const auto match = matcher.find(text, done)) {
    if (match->begin > done) between(text.substr(done, match->begin - done));
    ids.push_back(match->id);
    done = match->end;
  }
  if (done < text.size()) between(text.substr(done));
}

/// Number of bytes up to the next well-formed character.
std::size_t ill_formed_prefix(std::string_view text) {
  std::size_t length = 0;
  while (length < text.size()) {
    const Utf8Char c = decode_utf8(text.substr(length));
    if (c.valid) break;
    length += c.length;
  }
  return length;
}

int32_t required(const std::optional<int32_t>& id, const TokenizerParts& parts, std::string_view role,
                 std::string_view field) {
  if (!id) fail("{}: no {} token is known; name one as {} in tokenizer_config.json", parts.name, role, field);
  return *id;
}

}  // namespace

Tokenizer Tokenizer::bytes() { return Tokenizer(std::make_shared<const TokenizerParts>(byte_parts())); }

Tokenizer Tokenizer::load(const std::filesystem::path& tokenizer_json) {
  return Tokenizer(std::make_shared<const TokenizerParts>(read_tokenizer_json(tokenizer_json)));
}

std::vector<int32_t> Tokenizer::encode(std::string_view text, bool add_bos) const {
  std::vector<int32_t> ids;
  if (add_bos) ids = parts_->prefix;
  for (std::string_view rest = text; !rest.empty();) {
    const std::size_t valid = valid_utf8_prefix(rest);
    encode_valid(rest.substr(0, valid), rest.size() == text.size(), ids);
    rest.remove_prefix(valid);
    const std::size_t ill_formed = ill_formed_prefix(rest);
    if (ill_formed > 0) parts_->bpe.encode(rest.substr(0, ill_formed), ids);
    rest.remove_prefix(ill_formed);
  }
  if (add_bos) ids.insert(ids.end(), parts_->suffix.begin(), parts_->suffix.end());
  return ids;
}

void Tokenizer::encode_valid(std::string_view text, bool at_start, std::vector<int32_t>& ids) const {
  cut_out(parts_->verbatim_tokens, text, ids, [&](std::string_view rest) {
    encode_between(rest, at_start && rest.data() == text.data(), ids);
  });
}

void Tokenizer::encode_between(std::string_view text, bool at_start, std::vector<int32_t>& ids) const {
  std::string changed;
  if (!parts_->normalizer.changes_nothing()) text = changed = parts_->normalizer.normalized(text);
  cut_out(parts_->normalized_tokens, text, ids, [&](std::string_view rest) {
    parts_->pre_tokenizer.for_each_piece(rest, at_start && rest.data() == text.data(),
                                         [&](std::string_view piece) { parts_->bpe.encode(piece, ids); });
  });
}

std::string Tokenizer::decode_bytes(std::span<const int32_t> ids, bool skip_special) const {
  return decode_with(TokenDecoderStream(parts_->decoder, /*keep_bytes=*/true), ids, skip_special);
}

std::string Tokenizer::decode(std::span<const int32_t> ids, bool skip_special) const {
  return decode_with(TokenDecoderStream(parts_->decoder), ids, skip_special);
}

std::string Tokenizer::decode_with(TokenDecoderStream stream, std::span<const int32_t> ids, bool skip_special) const {
  std::string text;
  for (const int32_t id : ids) {
    if (const std::string* token = shown_token(id, skip_special)) stream.push(*token, text);
  }
  stream.finish(text);
  return text;
}

const std::string* Tokenizer::shown_token(int32_t id, bool skip_special) const {
  if (skip_special && parts_->tokens.is_special(id)) return nullptr;
  const auto normalized = parts_->shown_as.find(id);
  return normalized == parts_->shown_as.end() ? parts_->tokens.token(id) : &normalized->second;
}

int64_t Tokenizer::vocab_size() const { return parts_->tokens.size(); }

std::optional<int32_t> Tokenizer::token_id(std::string_view token) const { return parts_->tokens.find(token); }

std::optional<std::string_view> Tokenizer::token(int32_t id) const {
  const std::string* token = parts_->tokens.token(id);
  return token == nullptr ? std::nullopt : std::optional<std::string_view>(*token);
}

bool Tokenizer::is_special(int32_t id) const { return parts_->tokens.is_special(id); }

bool Tokenizer::has_bos() const { return parts_->roles.bos.has_value(); }

int32_t Tokenizer::bos_id() const { return required(parts_->roles.bos, *parts_, "begin-of-text", "bos_token"); }

int32_t Tokenizer::eos_id() const { return required(parts_->roles.eos, *parts_, "end-of-text", "eos_token"); }

int32_t Tokenizer::pad_id() const { return required(parts_->roles.pad, *parts_, "padding", "pad_token"); }

int32_t Tokenizer::end_turn_id() const { return required(parts_->roles.end_turn, *parts_, "end-of-turn", "eos_token"); }

StreamDecoder::StreamDecoder(Tokenizer tokenizer, bool skip_special)
    : tokenizer_(std::move(tokenizer)),
      skip_special_(skip_special),
      stream_(std::make_unique<TokenDecoderStream>(tokenizer_.parts_->decoder)) {}

StreamDecoder::~StreamDecoder() = default;

std::string StreamDecoder::push(int32_t id) {
  std::string text;
  if (const std::string* token = tokenizer_.shown_token(id, skip_special_)) stream_->push(*token, text);
  return text;
}

std::string StreamDecoder::finish() {
  std::string text;
  stream_->finish(text);
  return text;
}

}  // namespace modr
