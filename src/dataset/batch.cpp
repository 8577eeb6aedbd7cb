#include "dataset/batch.hpp"

#include <algorithm>

#include "base/error.hpp"
#include "base/integer.hpp"

namespace modr {

namespace {

const Example& example_of(std::span<const Example> examples, const SampleRef& sample) {
  MODR_CHECK(sample.index >= 0 && sample.index < std::ssize(examples), "sample {} of {} examples", sample.index,
             examples.size());
  return examples[static_cast<std::size_t>(sample.index)];
}

// Adds the documents of row `row`, whose sample is the row's.
void add_documents(Batch& batch, int64_t row, const Example& example) {
  const SampleRef& sample = batch.samples[static_cast<std::size_t>(row)];
  int64_t end = row * batch.seq;
  for (int64_t place = 0; place < example.num_documents(); ++place) {
    if (!example.documents.empty()) end += example.documents[static_cast<std::size_t>(place)];
    batch.documents.push_back(end);
    batch.keys.push_back(document_key(sample, place));
  }
  MODR_CHECK(example.documents.empty() || end == row * batch.seq + std::ssize(example.tokens),
             "sample {}: documents of {} tokens in a row of {}", sample.index, end - row * batch.seq,
             example.tokens.size());
  batch.documents.back() = (row + 1) * batch.seq;
}

}  // namespace

uint64_t document_key(const SampleRef& sample, int64_t place) {
  constexpr int64_t most_samples = int64_t{1} << 40, most_documents = int64_t{1} << 24;
  MODR_CHECK(sample.number < most_samples && place < most_documents, "document {} of sample {}", place, sample.number);
  return static_cast<uint64_t>(place * most_samples + sample.number);
}

int64_t Batch::num_labels() const {
  return std::count_if(labels.begin(), labels.end(), [](int32_t label) { return label != kIgnoreLabel; });
}

Batch make_batch(std::span<const Example> examples, std::span<const SampleRef> samples, const BatchLayout& layout) {
  MODR_CHECK(layout.multiple > 0, "rows padded to a multiple of {}", layout.multiple);
  Batch batch;
  if (samples.empty()) return batch;
  int64_t longest = layout.min_seq;
  for (const SampleRef& sample : samples)
    longest = std::max<int64_t>(longest, std::ssize(example_of(examples, sample).tokens));
  batch.batch = std::ssize(samples);
  const int64_t rounded = round_up(longest, layout.multiple);
  batch.seq = std::max(longest, std::min(rounded, layout.max_seq));
  batch.samples.assign(samples.begin(), samples.end());
  const auto size = static_cast<std::size_t>(batch.batch * batch.seq);
  batch.ids.assign(size, layout.pad_id);
  batch.labels.assign(size, kIgnoreLabel);
  batch.mask.assign(size, 0);
  for (int64_t row = 0; row < batch.batch; ++row) {
    const Example& example = example_of(examples, samples[static_cast<std::size_t>(row)]);
    const int64_t start = row * batch.seq;
    std::copy(example.tokens.begin(), example.tokens.end(), batch.ids.begin() + start);
    std::copy(example.labels.begin(), example.labels.end(), batch.labels.begin() + start);
    std::fill_n(batch.mask.begin() + start, example.tokens.size(), uint8_t{1});
    add_documents(batch, row, example);
  }
  return batch;
}

}  // namespace modr
