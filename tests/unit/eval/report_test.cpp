#include "eval/report.hpp"

#include <gtest/gtest.h>

#include <fstream>
#include <nlohmann/json.hpp>

#include "support/expect_error.hpp"
#include "support/temporary_folder.hpp"

namespace modr {
namespace {

using Json = nlohmann::json;

Task two_questions(const std::string& name) { return {name, AnswerKind::number, {{"a?", "1", {}}, {"b?", "2", {}}}}; }

TaskResult result_of(const std::string& task, int64_t steps, int right, std::vector<int64_t> branches) {
  TaskResult result{task, AnswerKind::number, steps, {}, 2.0};
  for (int i = 0; i < 2; ++i) result.samples.push_back({i, "out", "1", i < right, false, 5, double(steps), branches});
  return result;
}

ModelResult model_of(const std::string& label, int right, const std::vector<int64_t>& branches) {
  ModelResult model{label, {{"a?\n", "b?\n"}, {"a?\n", "b?\n"}}, {}, 1.5};
  for (const char* task : {"sums", "äpfel"})
    for (int64_t steps : {1, 16}) model.results.push_back(result_of(task, steps, steps == 1 ? 0 : right, branches));
  return model;
}

std::string content(const std::filesystem::path& path) {
  std::ifstream file(path);
  return {std::istreambuf_iterator<char>(file), {}};
}

TEST(StandardError, IsThatOfAShare) {
  EXPECT_DOUBLE_EQ(standard_error(50, 100), 0.05);
  EXPECT_DOUBLE_EQ(standard_error(1, 5), std::sqrt(0.2 * 0.8 / 5));
  EXPECT_EQ(standard_error(0, 7), 0);
  EXPECT_EQ(standard_error(7, 7), 0);
  EXPECT_EQ(standard_error(0, 0), 0);
}

TEST(Samples, SurviveTheirJourney) {
  const Answers answers{{{3, "out \"put\" ÷\n", "-1.5", true, false, 7, 2.5, {1, 0, 4}}, Sample()}, 0.125};
  const Answers back = unpack(pack(answers));
  ASSERT_EQ(back.samples.size(), 2u);
  EXPECT_EQ(back.seconds, 0.125);
  EXPECT_EQ(back.samples[0].index, 3);
  EXPECT_EQ(back.samples[0].output, answers.samples[0].output);
  EXPECT_EQ(back.samples[0].extracted, "-1.5");
  EXPECT_TRUE(back.samples[0].right);
  EXPECT_EQ(back.samples[0].tokens, 7);
  EXPECT_EQ(back.samples[0].mean_steps, 2.5);
  EXPECT_EQ(back.samples[0].branches, (std::vector<int64_t>{1, 0, 4}));
}

TEST(Report, ShowsModelsSideBySide) {
  std::vector<ModelResult> models = {model_of("base", 1, {}), model_of("modr", 2, {3, 1})};
  models[0].trained_parameters = 999;
  models[1].trained_parameters = 1234567;
  const std::string table = to_table(models);
  const std::vector<std::string> lines = {
      "task   model    trained  n         T = 1        T = 16  % of branches, T = 16\n",
      "sums   base         999  2    0.0 ±  0.0   50.0 ± 35.4\n",
      "       modr   1,234,567  2    0.0 ±  0.0  100.0 ±  0.0                75 / 25\n",
      "mean   base         999       0.0 ±  0.0   50.0 ± 25.0\n",
      "model   T  tokens/answer  tokens/s a rank  answers/s a rank\n",
      "base   16            5.0              5.0               1.0\n"};
  for (const std::string& line : lines)
    EXPECT_NE(table.find("\n" + line), std::string::npos) << line << "in\n" << table;
}

TEST(Report, SaysWhatDidNotFit) {
  ModelResult model = model_of("base", 1, {});
  EXPECT_EQ(to_table({&model, 1}).find("block size"), std::string::npos);
  model.results[0].samples[0].too_long = true;
  EXPECT_NE(to_table({&model, 1}).find("base: 1 of 8 questions leave no room"), std::string::npos);
}

TEST(Report, WritesSummaryAndSamples) {
  const TemporaryFolder folder;
  const std::vector<ModelResult> models = {model_of("base", 1, {}), model_of("modr", 2, {3, 1})};
  const std::vector<Task> tasks = {two_questions("sums"), two_questions("äpfel")};
  EvalConfig config;
  config.output = (folder.path() / "new/eval").string();
  config.seed = 9;
  make_output_folder(config.output);
  for (int again = 0; again < 2; ++again) write_report(models, tasks, config, {{"a.h5", "b.h5"}, 3});
  const Json summary = Json::parse(content(folder.path() / "new/eval/summary.json"));
  EXPECT_EQ(summary["num_ranks"], 3);
  EXPECT_EQ(summary["config"]["seed"], 9);
  EXPECT_EQ(summary["models"][1]["checkpoint"], "b.h5");
  const Json& cell = summary["models"][0]["results"][1];
  EXPECT_EQ(cell["task"], "sums");
  EXPECT_EQ(cell["num_steps"], 16);
  EXPECT_EQ(cell["accuracy"], 0.5);
  EXPECT_DOUBLE_EQ(cell["standard_error"], std::sqrt(0.125));
  EXPECT_EQ(cell["n"], 2);
  EXPECT_EQ(cell["mean_tokens"], 5.0);
  EXPECT_EQ(cell["tokens_per_s_per_rank"], 5.0);
  EXPECT_EQ(summary["models"][0]["mean"][1]["accuracy"], 0.5);
  EXPECT_DOUBLE_EQ(summary["models"][0]["mean"][1]["standard_error"], 0.25);
  EXPECT_EQ(summary["models"][1]["results"][0]["branch_shares"], (std::vector<double>{0.75, 0.25}));
  std::istringstream lines(content(folder.path() / "new/eval/samples.jsonl"));
  std::vector<Json> samples;
  for (std::string line; std::getline(lines, line);) samples.push_back(Json::parse(line));
  ASSERT_EQ(samples.size(), 16u);
  EXPECT_EQ(samples[3], Json::parse(R"({"model": "base", "task": "sums", "index": 1, "num_steps": 16,
    "prompt": "b?\n", "output": "out", "extracted": "1", "gold": "2", "right": false, "too_long": false,
    "branches": [], "tokens": 5, "mean_steps": 16.0})"));
}

TEST(Report, NamesAFolderThatCannotBeMade) {
  const TemporaryFolder folder;
  folder.write("file", "x");
  expect_error([&] { make_output_folder(folder.path() / "file/eval"); }, {"file/eval", "cannot be made"});
  make_output_folder(folder.path() / "made");
  EXPECT_TRUE(std::filesystem::is_empty(folder.path() / "made"));
}

}  // namespace
}  // namespace modr
