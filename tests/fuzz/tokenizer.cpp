// tokenizer.json, and behind a zero byte the tokenizer_config.json beside it.
#include <array>
#include <optional>

#include "dataset/tokenizer.hpp"
#include "target.hpp"

namespace modr::fuzz {

namespace {

constexpr std::array<std::string_view, 5> texts = {
    "Hello, world!  It's 12345th\n\n of <|end_turn|><s>  it",
    "\xc3\x9c\xe2\x82\xac\xf0\x9f\x98\x80 \xe3\x81\x82\xff\xc3 \t",
    // What normal forms, classes and spaces' signs tell apart.
    "e\xcc\x81\xcc\xa3 \xef\xac\x81\xe2\x96\x81 \xf0\x9f\xa9\xb7\xe5\xad\x97\xe3\x80\x82\xc5\xbf"
    "\xe1\x84\x80\xe1\x85\xa1\xf0\x91\xa4\xb5\xf0\x91\xa4\xb0",
    "aaaaaaaaaaaaaaaaaaaaaaaa", ""};

void encode_and_decode(const Tokenizer& tokenizer, std::string_view text) {
  for (const bool add_bos : {false, true}) {
    const std::vector<int32_t> ids = tokenizer.encode(text, add_bos);
    for (const int32_t id : ids)
      require(id >= 0 && id < tokenizer.vocab_size() && tokenizer.token(id), "ids of tokens from encode()");
    StreamDecoder stream(tokenizer);
    std::string streamed;
    for (const int32_t id : ids) streamed += stream.push(id);
    streamed += stream.finish();
    require(streamed == tokenizer.decode(ids), "StreamDecoder to give the same text as decode()");
    tokenizer.decode_bytes(ids, /*skip_special=*/true);
  }
}

}  // namespace

std::string refusal(std::string_view data) {
  static const Scratch scratch;
  const std::size_t end = data.find('\0');
  if (end == std::string_view::npos) scratch.remove("tokenizer_config.json");
  else scratch.write("tokenizer_config.json", data.substr(end + 1));
  const auto path = scratch.write("tokenizer.json", data.substr(0, end));
  return refusal_by([&] {
    const Tokenizer tokenizer = Tokenizer::load(path);
    for (const std::string_view text : texts) encode_and_decode(tokenizer, text);
    tokenizer.decode(std::array<int32_t, 3>{-1, 0, 1 << 30});
    if (tokenizer.has_bos()) tokenizer.bos_id();
  });
}

}  // namespace modr::fuzz
