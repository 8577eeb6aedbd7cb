#pragma once
// The parts of `modr bench exchange`. Each is collective over the job's ranks and returns the same table on all.
#include <cstdint>
#include <vector>

#include "comm/communicator.hpp"
#include "tools/bench/table.hpp"
#include "tools/bench/timing.hpp"

namespace modr::tools {

struct ExchangeBench {
  BenchPace pace;
  std::vector<int64_t> sizes_kib{64, 1024, 8192};  ///< rows that a rank sends, those that stay included
  std::vector<int64_t> branches{1, 2, 4, 8, 16};
  int64_t n_embd = 128;     ///< floats a row
  int64_t seq_len = 32;     ///< tokens a sequence
  int64_t sequences = 4;    ///< a microbatch
  int64_t recurrences = 4;  ///< of a step; the later half of them with gradient
  int64_t lora_rank = 8;
  int64_t microbatches = 4;  ///< of the pipeline, for each rank of the recurrence
};

/// Our exchange against a bare MPI_Alltoallv of the same bytes. Throws Error when they do not move the same.
BenchTable bench_rows(const Communicator& world, const ExchangeBench& options);
/// The exchange of one half of the rows while a product runs over the other, against one after the other.
BenchTable bench_overlap(const Communicator& world, const ExchangeBench& options);
/// Training steps with branches replicated and exchanged.
BenchTable bench_placement(const Communicator& world, const ExchangeBench& options);
/// Training steps through a pipeline: the bubble that was measured and the schedule's. At least 3 ranks.
BenchTable bench_pipeline(const Communicator& world, const ExchangeBench& options);

}  // namespace modr::tools
