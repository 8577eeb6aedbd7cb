#pragma once
// From files to rows of tokens, once at the start of a run.
#include <cstdint>
#include <string>
#include <vector>

#include "dataset/batch.hpp"
#include "dataset/config.hpp"
#include "dataset/example.hpp"

namespace modr {

class Tokenizer;

/// What decides about the largest batch.
struct RowSizes {
  int64_t longest = 0;    // tokens
  int64_t documents = 1;  // in a row, at most
};

/// The rows that an EpochSampler draws from, and what it took to make them.
struct TrainingSet {
  std::vector<Example> rows;
  std::vector<std::string> places;  ///< of each row's first example: "file:line" or "file: record n"; empty: not known
  int64_t num_problems = 0;   ///< read from the files
  int64_t num_truncated = 0;  ///< longer than max_seq_len: cut at the end
  int64_t num_dropped = 0;    ///< of those, with no label left
  int64_t num_unscorable = 0;  ///< whose right answer an evaluation would refuse; trained on all the same
  int64_t num_tokens = 0;     ///< over all rows, without padding

  RowSizes largest_row() const;
};

/// Reads, encodes and packs everything that `config` names; the same on every rank. Warns about examples that were cut,
/// and about right answers that an evaluation of the same file would refuse.
/// Throws Error for bad files and for problems without a solution.
TrainingSet load_training_set(const DatasetConfig& config, const Tokenizer& tokenizer);

/// 16 hexadecimal digits that differ where the rows do: in a token, a label, a document's end, or their order.
std::string digest_of(const TrainingSet& set);

/// Whole examples one after the other in rows of at most `seq_len` tokens, in their order: a row ends where the next
/// example does not fit. Each stays a document of its own. No example may be longer than `seq_len`.
std::vector<Example> pack_examples(const std::vector<Example>& examples, int64_t seq_len);

/// How make_batch() pads rows under `config`: to max_seq_len when they are packed, else to the longest of the batch.
BatchLayout batch_layout(const DatasetConfig& config, const Tokenizer& tokenizer);

}  // namespace modr
