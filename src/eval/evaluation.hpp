#pragma once
// A model's scores on some tasks, by all ranks of a group.
#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "comm/communicator.hpp"
#include "dataset/config.hpp"
#include "dataset/tokenizer.hpp"
#include "eval/config.hpp"
#include "eval/sample.hpp"
#include "eval/task.hpp"
#include "model/modr_model.hpp"
#include "parallel/exchange_dispatcher.hpp"

namespace modr {

/// The samples of one task with one number of recurrences, by index.
struct TaskResult {
  std::string task;
  AnswerKind kind = AnswerKind::number;
  int64_t num_steps = 0;
  std::vector<Sample> samples;
  double seconds = 0;  // of work, summed over ranks
};

/// What the samples of a TaskResult add up to.
struct Totals {
  int64_t n = 0, right = 0, too_long = 0, tokens = 0;
  double mean_steps = 0;               // over the samples that were answered
  std::vector<int64_t> branch_counts;  // empty without a router

  double accuracy() const { return n == 0 ? 0 : static_cast<double>(right) / static_cast<double>(n); }
  double error() const { return standard_error(right, n); }
  /// The share of each branch; empty without a router.
  std::vector<double> branch_shares() const;
};
Totals totals(const TaskResult& result);

/// The model whose answers are scored.
struct ModelUnderTest {
  std::string label;  // in tables and messages
  const ModrModel& model;
  const Tokenizer& tokenizer;
  PromptStyle style = PromptStyle::plain;
  // Of the model, where its branches are on different ranks: good for one evaluation.
  const ExchangeDispatcher* exchange = nullptr;
  int64_t trained_parameters = 0;  // by the run that made it, for the table; 0: unknown
};

/// All results of a model: tasks in the order they were given, and within a task num_steps in the config's order.
struct ModelResult {
  std::string label;
  std::vector<std::vector<std::string>> prompts;  // [task][item]: what the model was given, special tokens included
  std::vector<TaskResult> results;
  double seconds = 0;  // from start to end
  int64_t trained_parameters = 0;
};

/// Collective. Runs every task with every number of recurrences, dealing the work to all ranks as they are free, with
/// lines of progress on rank 0 unless `quiet`. The root's result does not depend on the number of ranks (but for
/// `seconds`); other ranks get an empty one. What fails on a rank is thrown on all; in the middle of an exchange, on
/// this rank alone, which has to end the job.
ModelResult evaluate(const Communicator& comm, const ModelUnderTest& model, std::span<const Task> tasks,
                     const EvalConfig& config, bool quiet);

}  // namespace modr
