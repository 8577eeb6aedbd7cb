// modr tokenize: lines of text to lines of ids, and back.
#include <fmt/format.h>

#include <algorithm>
#include <boost/program_options.hpp>
#include <charconv>
#include <cstdint>
#include <iostream>
#include <limits>
#include <nlohmann/json.hpp>
#include <string>
#include <string_view>
#include <vector>

#include "base/error.hpp"
#include "base/json_text.hpp"
#include "base/utf8.hpp"
#include "dataset/tokenizer.hpp"
#include "tools/cli/command_line.hpp"
#include "tools/cli/commands.hpp"

namespace modr::tools {

namespace po = boost::program_options;
using nlohmann::json;

namespace {

struct TokenizeOptions {
  std::string tokenizer;  // empty: bytes
  bool bos = false, decode = false, json = false;
};

void add_options(CommandLine& line, TokenizeOptions& options) {
  auto add = line.option();
  add("tokenizer,t", po::value(&options.tokenizer)->value_name("FILE"),
      "a Hugging Face tokenizer.json; without it, the 256 bytes and a few special tokens");
  add("bos", po::bool_switch(&options.bos), "put in front (and behind) what the tokenizer puts around a text");
  add("decode,d", po::bool_switch(&options.decode), "the other way round: lines of ids in, lines of text out");
  add("json", po::bool_switch(&options.json), "texts are JSON strings and ids are JSON arrays, one a line");
}

/// Reads one line, counting lines for messages.
class LineReader {
 public:
  bool next() {
    if (!std::getline(std::cin, line_)) return false;
    ++number_;
    return true;
  }
  const std::string& line() const { return line_; }
  /// For lines that are no text of their own: without what a shell may have put in front of the first.
  std::string_view data() const { return number_ == 1 ? skip_byte_order_mark(line_, "stdin") : line_; }

  [[noreturn]] void fail_here(std::string_view what) const { fail("stdin:{}: {}", number_, what); }

  json parse() const { return parse_json(data(), "stdin", number_); }

 private:
  std::string line_;
  int64_t number_ = 0;
};

std::string read_text(const LineReader& reader, const TokenizeOptions& options) {
  if (!options.json) return reader.line();
  const json value = reader.parse();
  if (!value.is_string()) reader.fail_here(fmt::format("expected a JSON string, found {}", value.type_name()));
  return value.get<std::string>();
}

int32_t checked_id(const LineReader& reader, const Tokenizer& tokenizer, int64_t id) {
  const bool fits = id >= 0 && id <= std::numeric_limits<int32_t>::max();
  if (!fits || !tokenizer.token(static_cast<int32_t>(id))) {
    reader.fail_here(fmt::format("no token has the id {} (ids end at {})", id, tokenizer.vocab_size() - 1));
  }
  return static_cast<int32_t>(id);
}

std::vector<int32_t> read_json_ids(const LineReader& reader, const Tokenizer& tokenizer) {
  const json value = reader.parse();
  if (!value.is_array()) reader.fail_here(fmt::format("expected a JSON array of ids, found {}", value.type_name()));
  std::vector<int32_t> ids;
  for (const json& id : value) {
    const bool fits = id.is_number_integer() &&
                      !(id.is_number_unsigned() && id.get<uint64_t>() > std::numeric_limits<int64_t>::max());
    if (!fits) reader.fail_here(fmt::format("expected an id, found {}", id.dump(-1, ' ', true).substr(0, 60)));
    ids.push_back(checked_id(reader, tokenizer, id.get<int64_t>()));
  }
  return ids;
}

std::vector<int32_t> read_plain_ids(const LineReader& reader, const Tokenizer& tokenizer) {
  constexpr std::string_view kBlanks = " \t\r";
  std::vector<int32_t> ids;
  std::string_view rest = reader.data();
  while (true) {
    rest.remove_prefix(std::min(rest.find_first_not_of(kBlanks), rest.size()));
    if (rest.empty()) return ids;
    const std::string_view word = rest.substr(0, rest.find_first_of(kBlanks));
    int64_t id = 0;
    const auto [end, error] = std::from_chars(word.data(), word.data() + word.size(), id);
    if (error != std::errc{} || end != word.data() + word.size()) {
      reader.fail_here(fmt::format("expected ids separated by spaces, found '{}'", word.substr(0, 60)));
    }
    ids.push_back(checked_id(reader, tokenizer, id));
    rest.remove_prefix(word.size());
  }
}

std::string answer(const LineReader& reader, const Tokenizer& tokenizer, const TokenizeOptions& options) {
  if (options.decode) {
    const auto ids = options.json ? read_json_ids(reader, tokenizer) : read_plain_ids(reader, tokenizer);
    const std::string text = tokenizer.decode(ids);
    return options.json ? json(text).dump() : text;
  }
  const auto ids = tokenizer.encode(read_text(reader, options), options.bos);
  return options.json ? json(ids).dump() : fmt::format("{}", fmt::join(ids, " "));
}

}  // namespace

int run_tokenize(int argc, char** argv) {
  TokenizeOptions options;
  CommandLine line("tokenize", "[--tokenizer tokenizer.json] [--bos] [--decode] [--json]",
                   "Reads lines from stdin: text in, token ids out.");
  add_options(line, options);
  if (!line.parse(argc, argv)) return 0;
  if (options.bos && options.decode) throw UsageError("--bos has no meaning with --decode");
  const Tokenizer tokenizer = options.tokenizer.empty() ? Tokenizer::bytes() : Tokenizer::load(options.tokenizer);
  for (LineReader reader; reader.next();) std::cout << answer(reader, tokenizer, options) << '\n';
  if (!std::cout.flush()) fail("cannot write to stdout");
  return 0;
}

}  // namespace modr::tools
