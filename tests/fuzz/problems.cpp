// Problems for training and evaluation: JSON lines or one array, in each format; then the tasks and the rows of tokens
// made of them, and the answers found in their solutions.
#include "dataset/jsonl.hpp"
#include "dataset/prompt_template.hpp"
#include "dataset/tokenizer.hpp"
#include "eval/answer.hpp"
#include "eval/task.hpp"
#include "target.hpp"

namespace modr::fuzz {

namespace {

void make_rows(const std::vector<Problem>& problems) {
  static const Tokenizer tokenizer = Tokenizer::bytes();
  for (const PromptStyle style : {PromptStyle::plain, PromptStyle::chat})
    for (const Problem& problem : problems)
      refusal_by([&] {
        const Example example = PromptTemplate(style, tokenizer).example(problem, LossOn::answer);
        require(example.tokens.size() == example.labels.size(), "a label a token");
      });
}

void answer(const std::vector<Problem>& problems) {
  for (const Problem& problem : problems) {
    for (const std::string& text : {problem.solution, problem.gold}) {
      if (const auto number = extract_number(text)) {
        require(parse_number(*number) == number, "one form of the number " + *number);
        require(is_right_number(*number, *number), *number + " to be right");
      }
    }
    const auto choices = find_choices(problem.question);
    const auto choice = extract_choice(problem.solution, choices);
    require(!choice || *choice < choices.size(), "one of the choices");
  }
}

}  // namespace

std::string refusal(std::string_view data) {
  static const Scratch scratch;
  const auto path = scratch.write("problems.jsonl", data);
  const auto read = [&](DataFormat format) {
    return refusal_by([&] {
      const std::vector<Problem> problems = read_problems(path, format);
      make_rows(problems);
      refusal_by([&] { answer(problems); });
      for (const ChoiceScoring scoring : {ChoiceScoring::automatic, ChoiceScoring::likelihood, ChoiceScoring::generate})
        refusal_by([&] { make_task("input", problems, scoring); });
    });
  };
  for (const DataFormat format : {DataFormat::gsm8k, DataFormat::llm_adapters, DataFormat::aqua}) read(format);
  return read(DataFormat::automatic);
}

}  // namespace modr::fuzz
