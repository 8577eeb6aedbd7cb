#pragma once
// The kinds of problem that the project generates for itself: short word problems with worked arithmetic steps.
#include <span>
#include <string>
#include <string_view>

namespace modr {

class PhiloxSequence;

/// One problem in GSM8K's form: `answer` is a line a step ("3+4=7") and then "#### N".
struct WordProblem {
  std::string question;
  std::string answer;
  std::string_view family;
  int result = 0;
};

/// Where problems of a family are found; each stage's files also hold the families of the stages before it.
enum class FamilyStage { pretrain, finetune, test };

/// "pretrain", "finetune" or "test".
std::string_view name_of(FamilyStage stage);

/// A family: problems that take the same reasoning. All numbers in it, intermediate ones included, are positive
/// integers below 60, and every step has one operation.
struct WordProblemFamily {
  std::string_view name;
  FamilyStage first_stage;
  int min_steps;
  int max_steps;
  WordProblem (*draw)(PhiloxSequence& rng);
};

/// All families: five to pre-train on (the single skills, and chains of gains and losses), two that fine-tuning adds
/// and two that only the tests ask for (skills that were trained apart, put together anew). The words of all of them
/// occur in the pre-training families, so that no family needs a token whose embedding was never trained.
std::span<const WordProblemFamily> word_problem_families();

}  // namespace modr
