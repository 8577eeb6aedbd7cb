#include "dataset/oniguruma_pattern.hpp"

#include <fmt/format.h>

#include <cstddef>
#include <optional>
#include <utility>
#include <vector>

#include "dataset/character_class.hpp"

namespace modr {
namespace {

/// A piece of the translation that a quantifier would apply to, and groups that wait for their end.
struct Group {
  std::size_t begin;        // where its text starts in the output
  int inline_options = 0;   // number of (?i)s inside, each of which became a group up to this group's end
};

class Translator {
 public:
  explicit Translator(std::string_view pattern) : reader_(pattern) {}

  std::string run() {
    while (!reader_.done()) step();
    if (groups_.size() != 1) reader_.fail_here("')' is missing");
    close_inline_options();
    return std::move(out_);
  }

 private:
  void step() {
    if (reader_.accept("(")) return open_group();
    if (reader_.accept(")")) return close_group();
    if (reader_.accept("[")) return atom(take_class(reader_));
    if (reader_.accept("\\")) return escape();
    if (const auto sign = reader_.accept_one_of("|^$")) return not_repeatable(std::string{*sign});
    if (reader_.accept(".")) return atom(".");
    if (const std::optional<Quantifier> quantifier = accept_quantifier()) return repeat(*quantifier);
    const std::string_view c = reader_.take();
    atom(c == "{" || c == "}" || c == "]" ? "\\" + std::string(c) : std::string(c));
  }

  void atom(const std::string& text) {
    atom_begin_ = out_.size();
    quantified_ = false;
    out_ += text;
  }

  void not_repeatable(std::string_view text) {
    atom_begin_.reset();
    out_ += text;
  }

  void escape() {
    if (const auto letter = reader_.accept_one_of("pP")) {
      return atom(take_property(reader_, *letter == 'P').to_pcre2());
    }
    if (const auto letter = reader_.accept_one_of(kShorthandLetters)) return atom(shorthand_set(*letter).to_pcre2());
    if (const auto letter = reader_.accept_one_of("AzZG")) return not_repeatable(std::string{'\\', *letter});
    // These are the same in PCRE2: any newline, all but a newline, what a group has matched.
    if (const auto letter = reader_.accept_one_of("RN123456789")) return atom(std::string{'\\', *letter});
    if (reader_.accept("b")) return not_repeatable(word_boundary(false));
    if (reader_.accept("B")) return not_repeatable(word_boundary(true));
    if (reader_.accept("k<")) return atom(fmt::format("\\k<{}>", reader_.take_until(">")));
    atom(take_escaped_char(reader_));
  }

  /// PCRE2's own \b knows other word characters.
  static std::string word_boundary(bool negated) {
    const std::string word = shorthand_set('w').to_pcre2();
    return fmt::format("(?:(?<={0})(?{1}{0})|(?<!{0})(?{2}{0}))", word, negated ? '=' : '!', negated ? '!' : '=');
  }

  void open_group() {
    if (reader_.accept("?#")) {
      reader_.take_until(")");
      return;
    }
    std::string head = "(";
    if (reader_.accept("?")) {
      head += "?";
      if (const std::optional<std::string> options = accept_options()) {
        head += *options;
        if (reader_.accept(")")) {
          // Oniguruma's (?i) reaches to the end of the group, over any | in it.
          out_ += head + ":";
          ++groups_.back().inline_options;
          atom_begin_.reset();
          return;
        }
        if (!reader_.accept(":")) reader_.fail_here("expected ':' or ')' behind a group's options");
        head += ":";
      } else {
        head += take_group_kind();
      }
    }
    groups_.push_back({out_.size()});
    out_ += head;
    atom_begin_.reset();
  }

  std::string take_group_kind() {
    for (const std::string_view kind : {":", "=", "!", ">", "<=", "<!"}) {
      if (reader_.accept(kind)) return std::string(kind);
    }
    if (reader_.accept("<")) return fmt::format("<{}>", reader_.take_until(">"));
    reader_.fail_here("this kind of group is not supported");
  }

  /// Letters between (? and : or ): i, and m, which is PCRE2's s. "-" switches off.
  std::optional<std::string> accept_options() {
    std::string options;
    while (const auto letter = reader_.accept_one_of("im-")) options += *letter == 'm' ? 's' : *letter;
    if (options.empty()) return std::nullopt;
    return options;
  }

  void close_inline_options() { out_.append(static_cast<std::size_t>(groups_.back().inline_options), ')'); }

  void close_group() {
    if (groups_.size() == 1) reader_.fail_here("')' without '('");
    close_inline_options();
    atom_begin_ = groups_.back().begin;
    quantified_ = false;
    groups_.pop_back();
    out_ += ")";
  }

  struct Quantifier {
    std::string text;
    bool interval, fixed;  // {..}; {n}
  };

  std::optional<Quantifier> accept_quantifier() {
    if (const auto sign = reader_.accept_one_of("*+?")) return Quantifier{std::string{*sign}, false, false};
    PatternReader ahead = reader_;
    if (!ahead.accept("{")) return std::nullopt;
    const std::string low = take_number(ahead);
    const bool comma = ahead.accept(",");
    const std::string high = comma ? take_number(ahead) : "";
    if ((low.empty() && high.empty()) || !ahead.accept("}")) return std::nullopt;  // then "{" is a plain character
    reader_ = ahead;
    const std::string from = low.empty() ? "0" : low;
    return Quantifier{fmt::format("{{{}{}{}}}", from, comma ? "," : "", high), true, !comma};
  }

  static std::string take_number(PatternReader& reader) {
    std::string digits;
    while (const auto digit = reader.accept_one_of("0123456789")) digits += *digit;
    return digits;
  }

  /// In Oniguruma a quantifier may follow another one, and "+" behind an interval repeats once more, not possessively.
  void repeat(const Quantifier& quantifier) {
    if (!atom_begin_) reader_.fail_here(fmt::format("nothing to repeat before '{}'", quantifier.text));
    if (quantified_) {
      out_.insert(*atom_begin_, "(?:");
      out_ += ")";
    }
    out_ += quantifier.text;
    quantified_ = true;
    if (!quantifier.fixed && reader_.accept("?")) {
      out_ += "?";
    } else if (!quantifier.interval && reader_.accept("+")) {
      out_ += "+";
    }
  }

  PatternReader reader_;
  std::string out_;
  std::vector<Group> groups_{Group{0}};
  std::optional<std::size_t> atom_begin_;  // nullopt: nothing that could be repeated
  bool quantified_ = false;                // the last atom already has a quantifier
};

}  // namespace

std::string oniguruma_to_pcre2(std::string_view pattern) { return Translator(pattern).run(); }

}  // namespace modr
