#include "dataset/oniguruma_pattern.hpp"

#include <fmt/format.h>

#include <cstddef>
#include <iterator>
#include <optional>
#include <utility>
#include <vector>

#include "dataset/character_class.hpp"
#include "dataset/unicode_property.hpp"
#include "base/utf8.hpp"

namespace modr {
namespace {

/// A group that waits for its end.
struct Group {
  std::size_t begin;           // where it starts in the output
  int inline_options = 0;      // number of (?i)s inside, each of which became a group up to this group's end
  bool caseless_outside = false, dot_all_outside = false;  // options to go back to
};

CodePointSet any_but_newline() { return CodePointSet::of('\n').complement(); }

/// Reads a pattern from front to back, and writes its parts.
class Translator {
 public:
  explicit Translator(std::string_view pattern) : reader_(pattern) {}

  Pattern run() {
    while (!reader_.done()) step();
    if (groups_.size() != 1) reader_.fail_here("')' is missing");
    close_inline_options();
    return std::move(out_);
  }

 private:
  void step() {
    if (reader_.accept("(")) return open_group();
    if (reader_.accept(")")) return close_group();
    if (reader_.accept("[")) return set(in_case(take_class(reader_)));
    if (reader_.accept("\\")) return escape();
    if (const auto sign = reader_.accept_one_of("|^$")) return not_repeatable(std::string{*sign});
    if (reader_.accept(".")) return set(dot_all_ ? CodePointSet({{0, kLastCodePoint}}) : any_but_newline());
    if (const std::optional<Quantifier> quantifier = accept_quantifier()) return repeat(*quantifier);
    character(decode_utf8(reader_.take()).code_point);
  }

  /// What follows is something that a quantifier may stand behind.
  void begin_atom() {
    atom_begin_ = out_.size();
    quantified_ = false;
    caseless_run_.clear();
  }

  void set(CodePointSet characters) {
    begin_atom();
    out_.add(std::move(characters));
  }

  void character(char32_t c) {
    std::u32string run = std::move(caseless_run_);
    set(in_case({CodePointSet::of(c)}));
    if (!caseless_) return;
    caseless_run_ = std::move(run += fold_case(c));
    if (ends_with_long_folding(caseless_run_)) {
      reader_.fail_here("without regard to case this character equals several others, or several equal one, as ss "
                        "equals \u00DF, which is not supported");
    }
  }

  void not_repeatable(std::string text) {
    atom_begin_.reset();
    caseless_run_.clear();
    out_.add(std::move(text));
  }

  /// What a class or a character matches: without regard to case, the members are completed, then the others are taken.
  CodePointSet in_case(CharacterSet set) const {
    if (caseless_) set.members = close_over_case(set.members);
    return set.resolved();
  }

  void escape() {
    if (const auto letter = reader_.accept_one_of("pP")) {
      return set(take_property(reader_, *letter == 'P', /*in_brackets=*/false).resolved());
    }
    if (const auto letter = reader_.accept_one_of(kShorthandLetters)) return set(shorthand_set(*letter).resolved());
    if (const auto letter = reader_.accept_one_of("AzZG")) return not_repeatable(std::string{'\\', *letter});
    if (reader_.accept("N")) return set(any_but_newline());
    if (reader_.accept("R")) return any_newline();
    if (reader_.accept("b")) return word_boundary(false);
    if (reader_.accept("B")) return word_boundary(true);
    if (reader_.accept("k<") || reader_.accept_one_of("123456789")) {
      reader_.fail_here("references to what a group has matched are not supported");
    }
    character(take_escaped_char(reader_));
  }

  void any_newline() {
    begin_atom();
    out_.add("(?>\\r\\n|");
    out_.add(CodePointSet({{'\n', '\r'}, {0x85, 0x85}, {0x2028, 0x2029}}));
    out_.add(")");
  }

  void word_boundary(bool negated) {
    const CodePointSet word = shorthand_set('w').members;
    not_repeatable("(?:(?<=");
    for (const char* between : {negated ? ")(?=" : ")(?!", ")|(?<!", negated ? ")(?!" : ")(?=", "))"}) {
      out_.add(word);
      out_.add(between);
    }
  }

  void open_group() {
    if (reader_.accept("?#")) {
      reader_.take_until(")");
      return;
    }
    Group group{.begin = out_.size(), .caseless_outside = caseless_, .dot_all_outside = dot_all_};
    std::string head = "(";
    if (reader_.accept("?")) {
      if (accept_options()) {
        head = "(?:";
        if (reader_.accept(")")) {
          // Oniguruma's (?i) reaches to the end of the group, over any | in it.
          out_.add(std::move(head));
          ++groups_.back().inline_options;
          atom_begin_.reset();
          return;
        }
        if (!reader_.accept(":")) reader_.fail_here("expected ':' or ')' behind a group's options");
      } else {
        head += "?" + take_group_kind();
      }
    }
    groups_.push_back(group);
    not_repeatable(std::move(head));
  }

  std::string take_group_kind() {
    for (const std::string_view kind : {":", "=", "!", ">", "<=", "<!"}) {
      if (reader_.accept(kind)) return std::string(kind);
    }
    if (reader_.accept("<")) return fmt::format("<{}>", reader_.take_until(">"));
    reader_.fail_here("this kind of group is not supported");
  }

  /// Letters between (? and : or ): i, and m, by which a dot matches newlines. "-" switches off.
  bool accept_options() {
    bool any = false, on = true;
    while (const auto letter = reader_.accept_one_of("im-")) {
      any = true;
      if (*letter == '-') on = false;
      if (*letter == 'i') caseless_ = on;
      if (*letter == 'm') dot_all_ = on;
    }
    return any;
  }

  void close_inline_options() {
    for (; groups_.back().inline_options > 0; --groups_.back().inline_options) out_.add(")");
  }

  void close_group() {
    if (groups_.size() == 1) reader_.fail_here("')' without '('");
    close_inline_options();
    atom_begin_ = groups_.back().begin;
    quantified_ = false;
    caseless_ = groups_.back().caseless_outside;
    dot_all_ = groups_.back().dot_all_outside;
    groups_.pop_back();
    out_.add(")");
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
      out_.add(")");
    }
    std::string text = quantifier.text;
    if (!quantifier.fixed && reader_.accept("?")) {
      text += "?";
    } else if (!quantifier.interval && reader_.accept("+")) {
      text += "+";
    }
    out_.add(std::move(text));
    quantified_ = true;
    caseless_run_.clear();
  }

  PatternReader reader_;
  Pattern out_;
  std::vector<Group> groups_{Group{0}};
  std::optional<std::size_t> atom_begin_;  // nullopt: nothing that could be repeated
  bool quantified_ = false;                // the last atom already has a quantifier
  std::u32string caseless_run_;            // fold_case() of the characters last read, under (?i)
  bool caseless_ = false, dot_all_ = false;  // the options (?i) and (?m) where the reader stands
};

}  // namespace

void Pattern::add(CodePointSet set) {
  const auto [entry, is_new] = index_.emplace(std::move(set), sets_.size());
  if (is_new) sets_.push_back(&entry->first);
  items_.emplace_back(entry->second);
}

void Pattern::insert(std::size_t at, std::string text) {
  items_.insert(std::next(items_.begin(), static_cast<std::ptrdiff_t>(at)), std::move(text));
}

Pattern literal_pattern(std::string_view text) {
  Pattern pattern;
  for (; !text.empty(); text.remove_prefix(decode_utf8(text).length)) {
    pattern.add(CodePointSet::of(decode_utf8(text).code_point));
  }
  return pattern;
}

Pattern parse_oniguruma(std::string_view pattern) { return Translator(pattern).run(); }

}  // namespace modr
