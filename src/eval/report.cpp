#include "eval/report.hpp"

#include <algorithm>
#include <cmath>
#include <nlohmann/json.hpp>

#include "base/error.hpp"
#include "base/text.hpp"
#include "base/text_table.hpp"
#include "checkpoint/durable_file.hpp"

namespace modr {

namespace fs = std::filesystem;
using Json = nlohmann::ordered_json;

namespace {

// A mean over tasks, each counting the same, with the standard error of that mean.
struct Mean {
  double accuracy = 0, error = 0;
};

Mean mean_over_tasks(const ModelResult& model, int64_t num_steps) {
  Mean mean;
  double variance = 0, tasks = 0;
  for (const TaskResult& result : model.results) {
    if (result.num_steps != num_steps) continue;
    const Totals sum = totals(result);
    mean.accuracy += sum.accuracy();
    variance += sum.error() * sum.error();
    ++tasks;
  }
  mean.accuracy /= tasks;
  mean.error = std::sqrt(variance) / tasks;
  return mean;
}

// The different values of `of(result)` over all results of all models, in order of appearance.
template <typename Of>
auto distinct(std::span<const ModelResult> models, Of of) {
  std::vector<std::decay_t<decltype(of(models.front().results.front()))>> values;
  for (const ModelResult& model : models)
    for (const TaskResult& result : model.results)
      if (std::ranges::find(values, of(result)) == values.end()) values.push_back(of(result));
  return values;
}

std::vector<int64_t> depths_of(std::span<const ModelResult> models) {
  return distinct(models, [](const TaskResult& result) { return result.num_steps; });
}

const TaskResult* find(const ModelResult& model, const std::string& task, int64_t num_steps) {
  for (const TaskResult& result : model.results)
    if (result.task == task && result.num_steps == num_steps) return &result;
  return nullptr;
}

std::string percent(double share, double error) { return fmt::format("{:5.1f} ± {:4.1f}", 100 * share, 100 * error); }

std::string shares_text(const std::vector<double>& shares) {
  std::string text;
  for (double share : shares) text += fmt::format("{}{:.0f}", text.empty() ? "" : " / ", 100 * share);
  return text;
}

// The rows of one task (or, with an empty name, of the mean over tasks).
void add_scores(TextTable& table, std::span<const ModelResult> models, const std::string& task,
                const std::vector<int64_t>& depths) {
  const int64_t deepest = std::ranges::max(depths);
  for (std::size_t i = 0; i < models.size(); ++i) {
    const TaskResult* any = task.empty() ? nullptr : find(models[i], task, models[i].results.front().num_steps);
    const int64_t trained = models[i].trained_parameters;
    std::vector<std::string> row{i > 0 ? "" : task.empty() ? "mean" : task, models[i].label,
                                 trained == 0 ? "" : count_text(trained),
                                 any == nullptr ? "" : fmt::format("{}", any->samples.size())};
    for (int64_t steps : depths) {
      if (find(models[i], models[i].results.front().task, steps) == nullptr) {
        row.emplace_back();  // a model that was run with its own number of recurrences
      } else if (task.empty()) {
        const Mean mean = mean_over_tasks(models[i], steps);
        row.push_back(percent(mean.accuracy, mean.error));
      } else {
        const Totals sum = totals(*find(models[i], task, steps));
        row.push_back(percent(sum.accuracy(), sum.error()));
      }
    }
    const TaskResult* last = task.empty() ? nullptr : find(models[i], task, deepest);
    row.push_back(last == nullptr ? "" : shares_text(totals(*last).branch_shares()));
    table.add(std::move(row));
  }
}

TextTable score_table(std::span<const ModelResult> models) {
  const auto depths = depths_of(models);
  const auto tasks = distinct(models, [](const TaskResult& result) { return result.task; });
  std::vector<std::string> head{"task", "model", "trained", "n"};
  for (int64_t steps : depths) head.push_back(fmt::format("T = {}", steps));
  head.push_back(fmt::format("% of branches, T = {}", std::ranges::max(depths)));
  TextTable table(std::move(head), {TextTable::Align::left, TextTable::Align::left});
  for (const std::string& task : tasks) {
    add_scores(table, models, task, depths);
    if (models.size() > 1) table.add_rule();
  }
  if (tasks.size() > 1) {
    if (models.size() == 1) table.add_rule();
    add_scores(table, models, "", depths);
  }
  return table;
}

TextTable speed_table(std::span<const ModelResult> models) {
  TextTable table({"model", "T", "tokens/answer", "tokens/s a rank", "answers/s a rank"}, {TextTable::Align::left});
  for (const ModelResult& model : models) {
    for (int64_t steps : depths_of({&model, 1})) {
      double tokens = 0, answers = 0, seconds = 0;
      for (const TaskResult& result : model.results) {
        if (result.num_steps != steps) continue;
        const Totals sum = totals(result);
        tokens += static_cast<double>(sum.tokens);
        answers += static_cast<double>(sum.n - sum.too_long);
        seconds += result.seconds;
      }
      const auto over = [](double value, double by) { return fmt::format("{:.1f}", by > 0 ? value / by : 0.0); };
      table.add({model.label, fmt::format("{}", steps), over(tokens, answers), over(tokens, seconds),
                 over(answers, seconds)});
    }
  }
  return table;
}

std::string too_long_note(std::span<const ModelResult> models) {
  std::string note;
  for (const ModelResult& model : models) {
    int64_t count = 0, all = 0;
    for (const TaskResult& result : model.results) {
      const Totals sum = totals(result);
      count += sum.too_long;
      all += sum.n;
    }
    if (count > 0)
      note += fmt::format("{}: {} of {} questions leave no room in the model's block size and count as wrong\n",
                          model.label, count, all);
  }
  return note;
}

Json to_json(const TaskResult& result) {
  const Totals sum = totals(result);
  const double rate = result.seconds > 0 ? static_cast<double>(sum.tokens) / result.seconds : 0;
  return {{"task", result.task},
          {"answer", name_of(result.kind)},
          {"num_steps", result.num_steps},
          {"accuracy", sum.accuracy()},
          {"standard_error", sum.error()},
          {"n", sum.n},
          {"right", sum.right},
          {"too_long", sum.too_long},
          {"mean_tokens", sum.n == 0 ? 0 : static_cast<double>(sum.tokens) / static_cast<double>(sum.n)},
          {"mean_steps", sum.mean_steps},
          {"branch_counts", sum.branch_counts},
          {"branch_shares", sum.branch_shares()},
          {"rank_seconds", result.seconds},
          {"tokens_per_s_per_rank", rate}};
}

Json to_json(const EvalConfig& config) {
  return {{"data", config.data},
          {"tasks", config.tasks},
          {"max_new_tokens", config.max_new_tokens},
          {"batch", config.batch},
          {"limit", config.limit},
          {"seed", config.seed},
          {"cache", config.cache},
          {"exit", config.exit},
          {"choices", name_of(config.choices)},
          {"length_normalise", config.length_normalise}};
}

Json to_summary(std::span<const ModelResult> models, const EvalConfig& config, const ReportContext& context) {
  Json summary{{"num_ranks", context.num_ranks}, {"config", to_json(config)}, {"models", Json::array()}};
  for (std::size_t i = 0; i < models.size(); ++i) {
    Json model{{"label", models[i].label},
               {"checkpoint", context.checkpoints.at(i)},
               {"trained_parameters", models[i].trained_parameters},
               {"seconds", models[i].seconds},
               {"mean", Json::array()},
               {"results", Json::array()}};
    for (int64_t steps : depths_of(models.subspan(i, 1))) {
      const Mean mean = mean_over_tasks(models[i], steps);
      model["mean"].push_back({{"num_steps", steps}, {"accuracy", mean.accuracy}, {"standard_error", mean.error}});
    }
    for (const TaskResult& result : models[i].results) model["results"].push_back(to_json(result));
    summary["models"].push_back(std::move(model));
  }
  return summary;
}

void write_samples(DurableFile& file, const ModelResult& model, std::span<const Task> tasks) {
  for (const TaskResult& result : model.results) {
    const auto task = std::ranges::find(tasks, result.task, &Task::name);
    MODR_CHECK(task != tasks.end(), "results of the task '{}', which was not asked", result.task);
    const auto& prompts = model.prompts.at(static_cast<std::size_t>(task - tasks.begin()));
    for (const Sample& sample : result.samples) {
      const auto index = static_cast<std::size_t>(sample.index);
      const Json line{{"model", model.label},
                      {"task", result.task},
                      {"index", sample.index},
                      {"num_steps", result.num_steps},
                      {"prompt", prompts.at(index)},
                      {"output", sample.output},
                      {"extracted", sample.extracted},
                      {"gold", task->items.at(index).gold},
                      {"right", sample.right},
                      {"too_long", sample.too_long},
                      {"branches", sample.branches},
                      {"tokens", sample.tokens},
                      {"mean_steps", sample.mean_steps}};
      file.write(line.dump() + "\n");
    }
  }
}

}  // namespace

std::string to_table(std::span<const ModelResult> models) {
  return fmt::format("Accuracy in % ± standard error, by recurrences T\n\n{}{}\n{}", score_table(models).text(),
                     too_long_note(models), speed_table(models).text());
}

void make_output_folder(const fs::path& folder) {
  std::error_code failed;
  fs::create_directories(folder, failed);
  if (failed) fail("{}: the folder cannot be made: {}", folder.string(), failed.message());
  const DurableFile trial(folder / "summary.json");
}

void write_report(std::span<const ModelResult> models, std::span<const Task> tasks, const EvalConfig& config,
                  const ReportContext& context) {
  const fs::path folder = config.output;
  DurableFile samples(folder / "samples.jsonl");
  for (const ModelResult& model : models) write_samples(samples, model, tasks);
  DurableFile summary(folder / "summary.json");
  summary.write(to_summary(models, config, context).dump(2) + "\n");
  samples.commit();
  summary.commit();
}

}  // namespace modr
