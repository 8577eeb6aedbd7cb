#include "eval/evaluation.hpp"

#include <algorithm>

#include "base/clock.hpp"
#include "base/error.hpp"
#include "base/log.hpp"
#include "eval/rank_pool.hpp"
#include "eval/scorer.hpp"
#include "eval/serve_branches.hpp"
#include "eval/work_plan.hpp"

namespace modr {

namespace {

// Tells rank 0's terminal how far the pieces, which all ranks draw in order, have come.
class Progress {
 public:
  Progress(std::string label, std::span<const WorkPiece> pieces) : label_(std::move(label)), costs_{0}, answers_{0} {
    for (const WorkPiece& piece : pieces) {
      costs_.push_back(costs_.back() + piece.cost);
      answers_.push_back(answers_.back() + std::ssize(piece.items));
    }
  }

  // Piece `next` is about to start: those before it are done or under way.
  void operator()(int64_t next) {
    constexpr double interval = 3;  // seconds between lines
    if (watch_.seconds() < last_ + interval) return;
    last_ = watch_.seconds();
    const auto at = static_cast<std::size_t>(next);
    const double share = costs_[at] / costs_.back();
    const std::string left = share > 0 ? format_duration(last_ * (1 - share) / share) : "unknown";
    log("{}: {:3.0f} %, {} of {} answers, {:.1f} answers/s, {} left", label_, 100 * share, answers_[at],
        answers_.back(), static_cast<double>(answers_[at]) / last_, left);
  }

 private:
  std::string label_;
  std::vector<double> costs_;     // of the pieces before each piece
  std::vector<int64_t> answers_;  // the same
  Stopwatch watch_;
  double last_ = 0;
};

std::vector<TaskSize> sizes_of(std::span<const EncodedTask> tasks, const EvalConfig& config) {
  std::vector<TaskSize> sizes;
  for (const EncodedTask& task : tasks) {
    TaskSize& size = sizes.emplace_back();
    size.new_tokens = task.task->kind == AnswerKind::likely_choice ? 0 : config.max_new_tokens;
    for (const auto& prompt : task.prompts) size.lengths.push_back(std::ssize(prompt));
  }
  return sizes;
}

// Puts what the pieces gave into the order of tasks, recurrences and problems.
std::vector<TaskResult> collect(std::span<const Task> tasks, std::span<const int64_t> num_steps,
                                std::span<const WorkPiece> pieces, std::span<const std::string> answers) {
  std::vector<TaskResult> results;
  for (const Task& task : tasks)
    for (int64_t steps : num_steps) results.push_back({task.name, task.kind, steps, {}, 0});
  for (std::size_t i = 0; i < pieces.size(); ++i) {
    const auto column = std::ranges::find(num_steps, pieces[i].num_steps) - num_steps.begin();
    TaskResult& result = results[pieces[i].task * num_steps.size() + static_cast<std::size_t>(column)];
    Answers done = unpack(answers[i]);
    result.seconds += done.seconds;
    std::ranges::move(done.samples, std::back_inserter(result.samples));
  }
  for (TaskResult& result : results) std::ranges::sort(result.samples, {}, &Sample::index);
  return results;
}

std::vector<std::vector<std::string>> prompt_texts(std::span<const EncodedTask> tasks, const Tokenizer& tokenizer) {
  std::vector<std::vector<std::string>> texts;
  for (const EncodedTask& task : tasks) {
    auto& of_task = texts.emplace_back();
    for (const auto& prompt : task.prompts) of_task.push_back(tokenizer.decode(prompt));
  }
  return texts;
}

// Every number once, in order of appearance.
std::vector<int64_t> depths(const EvalConfig& config, const ModrModel& model) {
  if (config.num_steps.empty()) return {model.config().mean_recurrence};
  std::vector<int64_t> unique;
  for (int64_t steps : config.num_steps)
    if (std::ranges::find(unique, steps) == unique.end()) unique.push_back(steps);
  return unique;
}

}  // namespace

std::vector<double> Totals::branch_shares() const {
  int64_t sum = 0;
  for (int64_t count : branch_counts) sum += count;
  std::vector<double> shares;
  for (int64_t count : branch_counts)
    shares.push_back(sum == 0 ? 0 : static_cast<double>(count) / static_cast<double>(sum));
  return shares;
}

Totals totals(const TaskResult& result) {
  Totals sum;
  for (const Sample& sample : result.samples) {
    ++sum.n;
    sum.right += sample.right;
    sum.too_long += sample.too_long;
    sum.tokens += sample.tokens;
    sum.mean_steps += sample.mean_steps;
    add_counts(sum.branch_counts, sample.branches);
  }
  if (sum.n > sum.too_long) sum.mean_steps /= static_cast<double>(sum.n - sum.too_long);
  return sum;
}

ModelResult evaluate(const Communicator& comm, const ModelUnderTest& model, std::span<const Task> tasks,
                     const EvalConfig& config, bool quiet) {
  const Stopwatch watch;
  MODR_CHECK(model.exchange == nullptr || model.exchange->attendance().can_leave(), "{} was evaluated already",
             model.label);
  comm.announce({.phase = "evaluation"});
  const Scorer scorer(model.model, model.tokenizer, model.style, config);
  std::vector<EncodedTask> encoded;
  for (const Task& task : tasks) encoded.push_back(scorer.encode(task));
  const std::vector<int64_t> num_steps = depths(config, model.model);
  const std::vector<WorkPiece> pieces = plan_work(sizes_of(encoded, config), num_steps, config.batch);
  Progress progress(model.label, pieces);
  const std::vector<std::string> answers = run_pool(
      comm, std::ssize(pieces),
      [&](int64_t index) {
        const WorkPiece& piece = pieces[static_cast<std::size_t>(index)];
        return pack(scorer.answer(encoded[piece.task], piece.items, piece.num_steps));
      },
      [&](int64_t index) {
        if (comm.is_root() && !quiet) progress(index);
      },
      [&](const std::exception_ptr& failure) {
        if (model.exchange == nullptr) return;
        if (failure && !model.exchange->attendance().can_leave()) std::rethrow_exception(failure);
        serve_branches(model.model, *model.exchange);
      });
  if (!comm.is_root()) return {};
  ModelResult result{model.label, prompt_texts(encoded, model.tokenizer), collect(tasks, num_steps, pieces, answers),
                     watch.seconds(), model.trained_parameters};
  if (!quiet) log("{}: all answers in {}", model.label, format_duration(result.seconds));
  return result;
}

}  // namespace modr
