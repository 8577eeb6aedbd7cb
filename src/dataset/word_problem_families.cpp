#include "dataset/word_problem_families.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <initializer_list>
#include <utility>

#include "base/error.hpp"
#include "base/philox.hpp"

namespace modr {

namespace {

constexpr std::string_view kNames[] = {"Ann", "Ben", "Dan", "Eva", "Ivy", "Kim",
                                       "Leo", "Max", "Mia", "Sam", "Tom", "Zoe"};
constexpr std::string_view kThings[] = {"apples", "balls", "books", "cards", "coins",
                                        "cups",   "eggs",  "pens",  "shells", "stars"};
constexpr std::string_view kBoxes[] = {"bags", "bins", "boxes", "jars"};
constexpr std::string_view kGains[] = {"buys", "finds", "gets", "wins"};
constexpr std::string_view kLosses[] = {"drops", "loses", "sells", "uses"};

/// The numbers of a problem by the letters that its wordings use.
struct Numbers {
  int a = 0;
  int b = 0;
  int c = 0;
  std::string changes = {};
};

/// A problem while it is drawn: its persons and things, and the steps worked so far.
class Draft {
 public:
  explicit Draft(PhiloxSequence& rng)
      : rng_(rng), things_(pick(kThings)), boxes_(pick(kBoxes)), gains_(pick(kGains)), loses_(pick(kLosses)) {
    const std::size_t first = rng.below(std::size(kNames));
    const std::size_t distance = 1 + rng.below(std::size(kNames) - 1);
    name_ = kNames[first];
    other_ = kNames[(first + distance) % std::size(kNames)];
  }

  /// Uniform in [low, high].
  int number(int low, int high) {
    MODR_CHECK(low <= high, "no number from {} to {}", low, high);
    return low + static_cast<int>(rng_.below(static_cast<uint64_t>(high - low) + 1));
  }

  std::string_view pick(std::span<const std::string_view> words) { return words[rng_.below(words.size())]; }

  /// Works one step, writes it down and returns its result.
  int step(int left, char operation, int right) {
    result_ = apply(left, operation, right);
    MODR_CHECK(result_ > 0 && result_ < 60, "step {}{}{}={} leaves the range", left, operation, right, result_);
    steps_ += fmt::format("{}{}{}={}\n", left, operation, right, result_);
    return result_;
  }

  /// The finished problem, in one of the wordings.
  WordProblem finish(std::string_view family, std::initializer_list<std::string_view> wordings, const Numbers& n) {
    const std::string_view wording = pick({wordings.begin(), wordings.size()});
    using fmt::arg;
    std::string question = fmt::format(fmt::runtime(wording), arg("name", name_), arg("other", other_),
                                       arg("things", things_), arg("boxes", boxes_), arg("gains", gains_),
                                       arg("loses", loses_), arg("a", n.a), arg("b", n.b), arg("c", n.c),
                                       arg("changes", n.changes));
    return {std::move(question), fmt::format("{}#### {}", steps_, result_), family, result_};
  }

 private:
  static int apply(int left, char operation, int right) {
    switch (operation) {
      case '+': return left + right;
      case '-': return left - right;
      case '*': return left * right;
      case '/':
        MODR_CHECK(right > 0 && left % right == 0, "{}/{} is no whole number", left, right);
        return left / right;
    }
    fail("unknown operation '{}'", operation);
  }

  PhiloxSequence& rng_;
  std::string_view things_, boxes_, gains_, loses_, name_, other_;
  std::string steps_;
  int result_ = 0;
};

// ---- What pre-training sees.

WordProblem draw_gain(PhiloxSequence& rng) {
  Draft draft(rng);
  const int a = draft.number(2, 20), b = draft.number(1, 9);
  draft.step(a, '+', b);
  return draft.finish("gain",
                      {"{name} has {a} {things} and {gains} {b} more. How many {things} now?",
                       "{name} {gains} {b} {things}. Before, {name} had {a}. How many {things} now?",
                       "{name} has {a} {things}. {other} has {b} more. How many for {other}?"},
                      {.a = a, .b = b});
}

WordProblem draw_loss(PhiloxSequence& rng) {
  Draft draft(rng);
  const int b = draft.number(1, 9), a = draft.number(b + 1, 20);
  draft.step(a, '-', b);
  return draft.finish("loss",
                      {"{name} has {a} {things} and {loses} {b}. How many {things} are left?",
                       "{name} {loses} {b} of {a} {things}. How many {things} are left?",
                       "{name} had {a} {things}. {other} takes {b}. How many {things} are left?",
                       "{name} has {a} {things}. {other} has {b} fewer. How many for {other}?"},
                      {.a = a, .b = b});
}

WordProblem draw_times(PhiloxSequence& rng) {
  Draft draft(rng);
  const int a = draft.number(2, 6), b = draft.number(2, 9);
  draft.step(a, '*', b);
  return draft.finish("times",
                      {"{name} has {a} {boxes} with {b} {things} each. How many {things} in all?",
                       "{name} {gains} {b} {things} a day for {a} days. How many {things} in all?"},
                      {.a = a, .b = b});
}

WordProblem draw_share(PhiloxSequence& rng) {
  Draft draft(rng);
  const int b = draft.number(2, 6), a = b * draft.number(2, 9);
  draft.step(a, '/', b);
  return draft.finish("share",
                      {"{name} shares {a} {things} among {b} friends. How many for each?",
                       "{name} puts {a} {things} in {b} {boxes}. How many in each?"},
                      {.a = a, .b = b});
}

// Two or three gains and losses in the order they are told.
WordProblem draw_chain(PhiloxSequence& rng) {
  Draft draft(rng);
  const int start = draft.number(2, 15), count = draft.number(2, 3);
  std::string changes;
  int have = start;
  for (int i = 0; i < count; ++i) {
    const bool gain = have < 2 || draft.number(0, 1) == 1;
    const int change = draft.number(1, gain ? 9 : std::min(9, have - 1));
    if (i > 0) changes += i + 1 == count ? " and " : ", ";
    changes += fmt::format("{} {}", gain ? draft.pick(kGains) : draft.pick(kLosses), change);
    have = draft.step(have, gain ? '+' : '-', change);
  }
  return draft.finish("chain",
                      {"{name} has {a} {things}, {changes}. How many {things} now?",
                       "{name} has {a} {things}. Then {name} {changes}. How many {things} now?"},
                      {.a = start, .changes = changes});
}

// ---- What fine-tuning adds.

WordProblem draw_compare(PhiloxSequence& rng) {
  Draft draft(rng);
  const int b = draft.number(1, 9), a = draft.number(b + 1, 14);
  const bool more = draft.number(0, 1) == 1;
  draft.step(a, '+', draft.step(a, more ? '+' : '-', b));
  const std::initializer_list<std::string_view> more_told = {
      "{name} has {a} {things}. {other} has {b} more. How many {things} in all?",
      "{name} has {a} {things} and {other} has {b} more. How many {things} in all?"};
  const std::initializer_list<std::string_view> fewer_told = {
      "{name} has {a} {things}. {other} has {b} fewer. How many {things} in all?",
      "{name} has {a} {things} and {other} has {b} fewer. How many {things} in all?"};
  return draft.finish("compare", more ? more_told : fewer_told, {.a = a, .b = b});
}

WordProblem draw_groups(PhiloxSequence& rng) {
  Draft draft(rng);
  const int a = draft.number(2, 5), b = draft.number(2, 6), c = draft.number(1, 9);
  draft.step(draft.step(a, '*', b), '+', c);
  return draft.finish("groups",
                      {"{name} has {a} {boxes} with {b} {things} each and {gains} {c} more. How many {things} now?",
                       "{name} has {c} {things}. {other} has {a} {boxes} with {b} each. How many {things} in all?"},
                      {.a = a, .b = b, .c = c});
}

// ---- What only the tests ask for.

WordProblem draw_groups_loss(PhiloxSequence& rng) {
  Draft draft(rng);
  const int a = draft.number(2, 5), b = draft.number(2, 6), c = draft.number(1, std::min(9, a * b - 1));
  draft.step(draft.step(a, '*', b), '-', c);
  return draft.finish("groups_loss",
                      {"{name} has {a} {boxes} with {b} {things} each and {loses} {c}. How many {things} are left?",
                       "{name} has {a} {boxes} with {b} {things} each. {other} takes {c}. How many {things} are left?"},
                      {.a = a, .b = b, .c = c});
}

WordProblem draw_gain_share(PhiloxSequence& rng) {
  Draft draft(rng);
  const int c = draft.number(2, 4), total = c * draft.number(2, std::min(9, 29 / c));
  const int b = draft.number(std::max(1, total - 20), std::min(9, total - 2));  // what `gain` adds: 2 to 20, 1 to 9
  draft.step(draft.step(total - b, '+', b), '/', c);
  return draft.finish("gain_share",
                      {"{name} has {a} {things} and {gains} {b} more. How many for each of {c} friends?",
                       "{name} has {a} {things} and {gains} {b} more, in {c} {boxes}. How many in each?"},
                      {.a = total - b, .b = b, .c = c});
}

constexpr WordProblemFamily kFamilies[] = {
    {"gain", FamilyStage::pretrain, 1, 1, draw_gain},
    {"loss", FamilyStage::pretrain, 1, 1, draw_loss},
    {"times", FamilyStage::pretrain, 1, 1, draw_times},
    {"share", FamilyStage::pretrain, 1, 1, draw_share},
    {"chain", FamilyStage::pretrain, 2, 3, draw_chain},
    {"compare", FamilyStage::finetune, 2, 2, draw_compare},
    {"groups", FamilyStage::finetune, 2, 2, draw_groups},
    {"groups_loss", FamilyStage::test, 2, 2, draw_groups_loss},
    {"gain_share", FamilyStage::test, 2, 2, draw_gain_share},
};

}  // namespace

std::string_view name_of(FamilyStage stage) {
  switch (stage) {
    case FamilyStage::pretrain: return "pretrain";
    case FamilyStage::finetune: return "finetune";
    case FamilyStage::test: return "test";
  }
  fail("unknown family stage {}", static_cast<int>(stage));
}

std::span<const WordProblemFamily> word_problem_families() { return kFamilies; }

}  // namespace modr
