#include "dataset/word_problems.hpp"

#include <algorithm>
#include <fstream>
#include <iterator>
#include <map>
#include <nlohmann/json.hpp>
#include <unordered_set>

#include "base/error.hpp"
#include "base/philox.hpp"

namespace modr {

namespace fs = std::filesystem;

namespace {

// The smallest family (share) has 24,000 different problems: this keeps what all files ask of it well below that.
constexpr int64_t kMaxPerFamily = 12000;

std::vector<const WordProblemFamily*> families_of(FamilyStage stage) {
  std::vector<const WordProblemFamily*> families;
  for (const WordProblemFamily& family : word_problem_families())
    if (family.first_stage <= stage) families.push_back(&family);
  return families;
}

/// Draws problems whose questions were not drawn before.
class Generator {
 public:
  explicit Generator(uint64_t seed) : seed_(seed) {}

  /// `count` problems, family i mod n for the i-th. `file` numbers the file: each has its own random numbers.
  std::vector<WordProblem> generate(const std::vector<const WordProblemFamily*>& families, int64_t count,
                                    uint32_t file) {
    std::vector<WordProblem> problems;
    problems.reserve(static_cast<std::size_t>(count));
    for (uint64_t i = 0; i < static_cast<uint64_t>(count); ++i) {
      PhiloxSequence rng(seed_, RandomStream::data, i, file);
      problems.push_back(new_problem(*families[i % families.size()], rng));
    }
    return problems;
  }

 private:
  WordProblem new_problem(const WordProblemFamily& family, PhiloxSequence& rng) {
    constexpr int max_draws = 10000;
    for (int draw = 0; draw < max_draws; ++draw) {
      WordProblem problem = family.draw(rng);
      if (questions_.insert(problem.question).second) return problem;
    }
    fail("word problems: {} draws gave no new problem of family '{}'; ask for fewer problems", max_draws, family.name);
  }

  uint64_t seed_;
  std::unordered_set<std::string> questions_;
};

int64_t count_of(const std::vector<WordProblem>& problems, std::string_view family) {
  return std::count_if(problems.begin(), problems.end(), [&](const auto& p) { return p.family == family; });
}

double majority_share(const std::vector<WordProblem>& problems) {
  std::map<int, int64_t> counts;
  int64_t most = 0;
  for (const WordProblem& problem : problems) most = std::max(most, ++counts[problem.result]);
  return problems.empty() ? 0.0 : static_cast<double>(most) / static_cast<double>(problems.size());
}

std::string to_json_lines(const std::vector<WordProblem>& problems) {
  std::string text;
  for (const WordProblem& problem : problems) {
    const nlohmann::ordered_json record = {
        {"question", problem.question}, {"answer", problem.answer}, {"family", problem.family}};
    text += record.dump() + '\n';
  }
  return text;
}

std::string manifest_of(const WordProblemConfig& config, const std::vector<FamilySummary>& summary) {
  nlohmann::ordered_json families = nlohmann::ordered_json::array();
  for (const FamilySummary& row : summary)
    families.push_back({{"name", row.family->name},
                        {"first_stage", name_of(row.family->first_stage)},
                        {"min_steps", row.family->min_steps},
                        {"max_steps", row.family->max_steps},
                        {"pretrain", row.pretrain},
                        {"finetune", row.finetune},
                        {"test", row.test},
                        {"chance", row.chance}});
  const nlohmann::ordered_json manifest = {{"generator", "modr word problems, version 1"},
                                           {"seed", config.seed},
                                           {"pretrain", config.pretrain},
                                           {"finetune", config.finetune},
                                           {"test", config.test},
                                           {"families", std::move(families)}};
  return manifest.dump(2) + '\n';
}

bool holds(const fs::path& path, const std::string& text) {
  std::error_code none;
  if (fs::file_size(path, none) != text.size() || none) return false;
  std::ifstream file(path, std::ios::binary);
  return std::equal(std::istreambuf_iterator<char>(file), {}, text.begin(), text.end());
}

void write_whole(const fs::path& path, const std::string& text) {
  if (holds(path, text)) return;
  const fs::path temporary = path.string() + ".tmp";
  std::ofstream file(temporary, std::ios::binary | std::ios::trunc);
  file << text;
  file.close();
  std::error_code failed;
  if (file) fs::rename(temporary, path, failed);
  if (!file || failed) {
    std::error_code ignored;
    fs::remove(temporary, ignored);
    fail("{}: cannot write ({} bytes; is the folder writable and the disk not full?)", path.string(), text.size());
  }
}

}  // namespace

void WordProblemConfig::validate() const {
  const auto check = [](std::string_view field, int64_t value, int64_t limit) {
    if (value < 1 || value > limit)
      fail("word problems: {}: expected a number from 1 to {}, found {}", field, limit, value);
  };
  check("pretrain", pretrain, kMaxPerFamily * std::ssize(families_of(FamilyStage::pretrain)));
  check("finetune", finetune, kMaxPerFamily / 2 * std::ssize(families_of(FamilyStage::finetune)));
  check("test", test, kMaxPerFamily / 16);
}

WordProblemSet generate_word_problems(const WordProblemConfig& config) {
  config.validate();
  Generator generator(config.seed);
  WordProblemSet set;
  uint32_t file = 2;  // the tests first, so that they do not depend on the sizes of the training files
  for (const WordProblemFamily& family : word_problem_families())
    set.tests.push_back(generator.generate({&family}, config.test, file++));
  set.pretrain = generator.generate(families_of(FamilyStage::pretrain), config.pretrain, 0);
  set.finetune = generator.generate(families_of(FamilyStage::finetune), config.finetune, 1);
  return set;
}

std::vector<FamilySummary> summarize(const WordProblemSet& problems) {
  std::vector<FamilySummary> rows;
  for (const WordProblemFamily& family : word_problem_families()) {
    const std::vector<WordProblem>& test = problems.tests.at(rows.size());
    rows.push_back({.family = &family,
                    .pretrain = count_of(problems.pretrain, family.name),
                    .finetune = count_of(problems.finetune, family.name),
                    .test = std::ssize(test),
                    .chance = majority_share(test)});
  }
  return rows;
}

std::vector<FamilySummary> write_word_problems(const WordProblemConfig& config, const fs::path& folder) {
  const WordProblemSet set = generate_word_problems(config);
  const std::vector<FamilySummary> summary = summarize(set);
  std::error_code failed;
  fs::create_directories(folder / "test", failed);
  if (failed) fail("{}: cannot make the folder: {}", (folder / "test").string(), failed.message());
  for (std::size_t i = 0; i < summary.size(); ++i)
    write_whole(folder / "test" / fmt::format("{}.jsonl", summary[i].family->name), to_json_lines(set.tests[i]));
  write_whole(folder / "pretrain.jsonl", to_json_lines(set.pretrain));
  write_whole(folder / "finetune.jsonl", to_json_lines(set.finetune));
  write_whole(folder / "manifest.json", manifest_of(config, summary));  // last: it says that all of them are there
  return summary;
}

}  // namespace modr
