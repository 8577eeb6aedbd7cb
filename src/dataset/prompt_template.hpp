#pragma once
// How a problem becomes tokens, in training and in evaluation alike.
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "dataset/config.hpp"
#include "dataset/example.hpp"

namespace modr {

class Tokenizer;
struct Problem;

/// What `chat` tells the model before every problem.
inline constexpr std::string_view kChatSystemPrompt =
    "Please reason step by step, and put your final answer within \\boxed{}.";

/// The two styles:
/// - plain: BOS "{question}\n" | "{solution}" EOS;
/// - chat: the tokenizer's chat format with kChatSystemPrompt and the question | the solution and the end of turn.
///   The solution loses GSM8K's calculator notes ("<<3+4=7>>"), and its "#### N" becomes "\boxed{N}", as the system
///   prompt asks.
/// Prompt and solution (left and right of the bar) are encoded apart, so that an evaluation's prompt has exactly the
/// tokens that training saw.
class PromptTemplate {
 public:
  /// `tokenizer` must outlive the template.
  PromptTemplate(PromptStyle style, const Tokenizer& tokenizer) : style_(style), tokenizer_(tokenizer) {}

  /// The tokens that ask a question; the model goes on from there.
  std::vector<int32_t> prompt(std::string_view question) const;
  /// The token that ends an answer: where generation stops.
  int32_t end_id() const;
  /// Prompt and solution as a row of training data. The end token is the last label and no input. With LossOn::answer
  /// the prompt's positions are ignored but for its last one, whose label is the solution's first token.
  /// Throws Error naming the problem's place when it has no solution.
  Example example(const Problem& problem, LossOn loss_on) const;

 private:
  PromptStyle style_;
  const Tokenizer& tokenizer_;
};

/// A GSM8K solution in the form that kChatSystemPrompt asks for; a text without notes and "####" is returned as it is.
std::string to_boxed_solution(std::string_view solution);

}  // namespace modr
