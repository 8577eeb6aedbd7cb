#include "dataset/training_set.hpp"

#include <algorithm>
#include <utility>

#include "base/error.hpp"
#include "base/hash.hpp"
#include "base/log.hpp"
#include "dataset/gold.hpp"
#include "dataset/jsonl.hpp"
#include "dataset/prompt_template.hpp"
#include "dataset/tokenizer.hpp"

namespace modr {

namespace {

bool has_labels(const Example& example) {
  return std::any_of(example.labels.begin(), example.labels.end(), [](int32_t label) { return label != kIgnoreLabel; });
}

// Adds an example, cut to `max_seq_len`, unless the cut leaves nothing to learn.
void add_example(TrainingSet& set, Example example, const std::string& place, int64_t max_seq_len) {
  ++set.num_problems;
  if (std::ssize(example.tokens) > max_seq_len) {
    ++set.num_truncated;
    example.tokens.resize(static_cast<std::size_t>(max_seq_len));
    example.labels.resize(static_cast<std::size_t>(max_seq_len));
    if (!has_labels(example)) {
      ++set.num_dropped;
      return;
    }
  }
  set.num_tokens += std::ssize(example.tokens);
  set.rows.push_back(std::move(example));
  set.places.push_back(place);
}

int64_t count_unscorable(const std::vector<Problem>& problems) {
  const GoldReader reader(problems.front());
  int64_t count = 0;
  std::string first;
  for (const Problem& problem : problems) {
    try {
      reader.read(problem);
    } catch (const Error& error) {
      if (count++ == 0) first = error.what();
    }
  }
  if (count > 0) {
    warn("an evaluation of the same file would refuse {} of {} right answers; the first: {}", count, problems.size(),
         first);
  }
  return count;
}

// Rows of several examples, at the place of their first.
void pack(TrainingSet& set, int64_t seq_len) {
  std::vector<Example> rows = pack_examples(set.rows, seq_len);
  std::vector<std::string> places;
  std::size_t example = 0;
  for (const Example& row : rows) {
    places.push_back(std::move(set.places[example]));
    example += row.documents.size();
  }
  set.rows = std::move(rows);
  set.places = std::move(places);
}

}  // namespace

RowSizes TrainingSet::largest_row() const {
  RowSizes sizes;
  for (const Example& row : rows) {
    sizes.longest = std::max<int64_t>(sizes.longest, std::ssize(row.tokens));
    sizes.documents = std::max(sizes.documents, row.num_documents());
  }
  return sizes;
}

TrainingSet load_training_set(const DatasetConfig& config, const Tokenizer& tokenizer) {
  config.validate();
  const PromptTemplate prompts(config.prompt, tokenizer);
  TrainingSet set;
  for (const std::string& file : config.train) {
    const std::vector<Problem> problems = read_problems(file, config.format);
    for (const Problem& problem : problems)
      add_example(set, prompts.example(problem, config.loss_on), problem.place, config.max_seq_len);
    set.num_unscorable += count_unscorable(problems);
  }
  if (set.num_truncated > 0)
    warn("{} of {} training examples are longer than data.max_seq_len = {} tokens and were cut; {} of them had no "
         "label left and were dropped",
         set.num_truncated, set.num_problems, config.max_seq_len, set.num_dropped);
  if (set.rows.empty())
    fail("data.max_seq_len = {} leaves no label in any of the {} examples; a larger value is needed",
         config.max_seq_len, set.num_problems);
  if (config.packing == Packing::pack) pack(set, config.max_seq_len);
  return set;
}

std::string digest_of(const TrainingSet& set) {
  WordHash hash;
  const auto add_all = [&](const auto& values) {
    hash.add(values.size());
    for (const auto value : values) hash.add(static_cast<uint64_t>(value));
  };
  hash.add(set.rows.size());
  for (const Example& row : set.rows) {
    add_all(row.tokens);
    add_all(row.labels);
    add_all(row.documents);
  }
  return fmt::format("{:016x}", hash.value());
}

std::vector<Example> pack_examples(const std::vector<Example>& examples, int64_t seq_len) {
  std::vector<Example> rows;
  for (const Example& example : examples) {
    const int64_t length = std::ssize(example.tokens);
    MODR_CHECK(length <= seq_len, "an example of {} tokens in rows of {}", length, seq_len);
    if (rows.empty() || std::ssize(rows.back().tokens) + length > seq_len) rows.emplace_back();
    Example& row = rows.back();
    row.tokens.insert(row.tokens.end(), example.tokens.begin(), example.tokens.end());
    row.labels.insert(row.labels.end(), example.labels.begin(), example.labels.end());
    row.documents.push_back(length);
  }
  return rows;
}

BatchLayout batch_layout(const DatasetConfig& config, const Tokenizer& tokenizer) {
  const bool packed = config.packing == Packing::pack;
  return {.pad_id = tokenizer.pad_id(),
          .multiple = config.pad_multiple,
          .min_seq = packed ? config.max_seq_len : 0,
          .max_seq = config.max_seq_len};
}

}  // namespace modr
