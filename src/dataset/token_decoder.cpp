#include "dataset/token_decoder.hpp"

#include <algorithm>
#include <charconv>
#include <optional>
#include <type_traits>

#include "dataset/byte_symbols.hpp"
#include "base/utf8.hpp"

namespace modr {

/// A token, or a part of one.
struct Chunk {
  std::string text;
  bool begins, ends;  // whether the token begins and ends with it
};

/// A step at work: takes chunks, and hands chunks on.
class DecoderStage {
 public:
  using Chunks = std::vector<Chunk>;
  virtual ~DecoderStage() = default;
  virtual void push(Chunk chunk, Chunks& out) = 0;
  /// The text is over: hands on what is left, and is as new.
  virtual void finish(Chunks& out) = 0;
};

namespace {

constexpr std::string_view kReplacementCharacter = "\xEF\xBF\xBD";

/// A step that needs whole tokens.
class TokenStage : public DecoderStage {
 public:
  void push(Chunk chunk, Chunks& out) final {
    token_ += chunk.text;
    if (chunk.ends) take(std::exchange(token_, {}), out);
  }
  void finish(Chunks& out) final { end(out); }

 protected:
  virtual void take(std::string token, Chunks& out) = 0;
  virtual void end(Chunks&) {}

 private:
  std::string token_;
};

class ByteLevelStage : public TokenStage {
 public:
  explicit ByteLevelStage(bool keep_bytes) : keep_bytes_(keep_bytes) {}

 protected:
  void take(std::string token, Chunks& out) override {
    auto bytes = from_symbols(token);
    pending_ += bytes ? *bytes : token;
    hand_on(keep_bytes_ ? pending_.size() : pending_.size() - incomplete_utf8_suffix(pending_), false, out);
  }
  void end(Chunks& out) override {
    hand_on(pending_.size(), true, out);
    begins_ = true;
  }

 private:
  void hand_on(std::size_t length, bool ends, Chunks& out) {
    const std::string_view text = std::string_view(pending_).substr(0, length);
    out.push_back({keep_bytes_ ? std::string(text) : replace_invalid_utf8(text), begins_, ends});
    begins_ = false;
    pending_.erase(0, length);
  }

  bool keep_bytes_, begins_ = true;
  std::string pending_;  // bytes of a character that is not complete
};

class ByteFallbackStage : public TokenStage {
 public:
  explicit ByteFallbackStage(bool keep_bytes) : keep_bytes_(keep_bytes) {}

 protected:
  void take(std::string token, Chunks& out) override {
    if (const auto byte = byte_of(token)) {
      run_ += *byte;
    } else {
      end(out);
      out.push_back({std::move(token), true, true});
    }
  }
  void end(Chunks& out) override {
    const std::string run = std::exchange(run_, {});
    if (run.empty()) return;
    if (keep_bytes_ || valid_utf8_prefix(run) == run.size()) {
      out.push_back({run, true, true});
    } else {
      for (std::size_t i = 0; i < run.size(); ++i) out.push_back({std::string(kReplacementCharacter), true, true});
    }
  }

 private:
  static std::optional<char> byte_of(std::string_view token) {
    if (token.size() != 6 || !token.starts_with("<0x") || !token.ends_with('>')) return std::nullopt;
    const char* const begin = token.data() + (token[3] == '+' ? 4 : 3);  // Rust's from_str_radix takes "+A", too
    unsigned byte = 0;
    const auto [end, error] = std::from_chars(begin, token.data() + 5, byte, 16);
    if (error != std::errc{} || end != token.data() + 5) return std::nullopt;
    return static_cast<char>(byte);
  }

  bool keep_bytes_;
  std::string run_;  // the last tokens' bytes
};

class FuseStage : public DecoderStage {
 public:
  void push(Chunk chunk, Chunks& out) override {
    out.push_back({std::move(chunk.text), std::exchange(begins_, false), false});
  }
  void finish(Chunks& out) override { out.push_back({"", std::exchange(begins_, true), true}); }

 private:
  bool begins_ = true;
};

class JoinStage : public TokenStage {
 protected:
  void take(std::string token, Chunks& out) override {
    out.push_back({std::exchange(first_, false) ? std::move(token) : " " + token, true, true});
  }
  void end(Chunks&) override { first_ = true; }

 private:
  bool first_ = true;
};

class StripStage : public DecoderStage {
 public:
  explicit StripStage(decoder_step::Strip step) : step_(std::move(step)) {}

  void push(Chunk chunk, Chunks& out) override {
    if (chunk.begins) to_strip_ = step_.start;
    std::string_view text = chunk.text;
    for (; to_strip_ > 0 && text.starts_with(step_.content); --to_strip_) text.remove_prefix(step_.content.size());
    if (!text.empty()) to_strip_ = 0;
    std::string whole = std::exchange(held_, {}).append(text);
    std::size_t keep = whole.size();
    for (std::size_t i = 0; i < step_.stop && std::string_view(whole).substr(0, keep).ends_with(step_.content); ++i) {
      keep -= step_.content.size();
    }
    if (!chunk.ends) held_ = whole.substr(keep);
    whole.resize(keep);
    out.push_back({std::move(whole), chunk.begins, chunk.ends});
  }
  void finish(Chunks&) override { held_.clear(); }

 private:
  decoder_step::Strip step_;
  std::size_t to_strip_ = 0;  // of the token that began last
  std::string held_;          // may be its end
};

class MetaspaceStage : public TokenStage {
 public:
  explicit MetaspaceStage(decoder_step::Metaspace step) : step_(std::move(step)) {}

 protected:
  void take(std::string token, Chunks& out) override {
    const bool strips = std::exchange(first_, false) && step_.strips_first;
    std::string text;
    std::size_t done = 0;
    for (std::size_t at; (at = token.find(step_.replacement, done)) != std::string::npos;) {
      text.append(token, done, at - done).append(strips ? "" : " ");
      done = at + step_.replacement.size();
    }
    out.push_back({text.append(token, done), true, true});
  }
  void end(Chunks&) override { first_ = true; }

 private:
  decoder_step::Metaspace step_;
  bool first_ = true;
};

class ReplaceStage : public TokenStage {
 public:
  explicit ReplaceStage(const Replace& step) : step_(step) {}

 protected:
  void take(std::string token, Chunks& out) override {
    constexpr std::size_t kMost = std::size_t{1} << 26;
    out.push_back({step_.replaced(token, std::max(kMost, token.size())), true, true});
  }

 private:
  const Replace& step_;
};

std::unique_ptr<DecoderStage> make_stage(const TokenDecoder::Step& any, bool keep_bytes) {
  return std::visit(
      [&]<typename Step>(const Step& step) -> std::unique_ptr<DecoderStage> {
        if constexpr (std::is_same_v<Step, decoder_step::ByteLevel>)
          return std::make_unique<ByteLevelStage>(keep_bytes);
        else if constexpr (std::is_same_v<Step, decoder_step::ByteFallback>)
          return std::make_unique<ByteFallbackStage>(keep_bytes);
        else if constexpr (std::is_same_v<Step, decoder_step::Fuse>) return std::make_unique<FuseStage>();
        else if constexpr (std::is_same_v<Step, decoder_step::JoinWithSpaces>) return std::make_unique<JoinStage>();
        else if constexpr (std::is_same_v<Step, decoder_step::Strip>) return std::make_unique<StripStage>(step);
        else if constexpr (std::is_same_v<Step, decoder_step::Metaspace>) return std::make_unique<MetaspaceStage>(step);
        else return std::make_unique<ReplaceStage>(step);
      },
      any);
}

}  // namespace

TokenDecoderStream::TokenDecoderStream(const TokenDecoder& decoder, bool keep_bytes) {
  for (const TokenDecoder::Step& step : decoder.steps()) stages_.push_back(make_stage(step, keep_bytes));
}

TokenDecoderStream::~TokenDecoderStream() = default;
TokenDecoderStream::TokenDecoderStream(TokenDecoderStream&&) noexcept = default;
TokenDecoderStream& TokenDecoderStream::operator=(TokenDecoderStream&&) noexcept = default;

void TokenDecoderStream::push(std::string_view token, std::string& out) {
  DecoderStage::Chunks chunks = {{std::string(token), true, true}};
  for (const auto& stage : stages_) {
    DecoderStage::Chunks next;
    for (Chunk& chunk : chunks) stage->push(std::move(chunk), next);
    chunks = std::move(next);
  }
  for (const Chunk& chunk : chunks) out += chunk.text;
}

void TokenDecoderStream::finish(std::string& out) {
  DecoderStage::Chunks chunks;
  for (const auto& stage : stages_) {
    DecoderStage::Chunks next;
    for (Chunk& chunk : chunks) stage->push(std::move(chunk), next);
    stage->finish(next);
    chunks = std::move(next);
  }
  for (const Chunk& chunk : chunks) out += chunk.text;
}

}  // namespace modr
