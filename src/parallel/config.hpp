#pragma once
// How a job's ranks share the work (section `parallel` of a run file).
#include <cstdint>
#include <string_view>

namespace modr {

/// Where the branches' adapters live: all on every rank, each on one rank of the branch axis (rows travel), or
/// whichever of the two was measured to be faster.
enum class Placement { replicate, exchange, automatic };
/// The order of microbatches in the pipeline: a backward pass as soon as one can run, or all forward passes first.
enum class PipelineOrder { one_f_one_b, gpipe };

/// "replicate", "exchange" or "auto"; "1f1b" or "gpipe".
std::string_view name_of(Placement placement);
std::string_view name_of(PipelineOrder order);

/// Ranks of one replica that serve each pipeline stage; all 0: no pipeline, every rank does all three.
struct StageRanks {
  int64_t prelude = 0;
  int64_t recurrence = 0;
  int64_t coda = 0;

  bool is_pipeline() const { return prelude > 0; }
  bool operator==(const StageRanks&) const = default;
};

struct ParallelConfig {
  int64_t data = 0;  ///< replicas of the model, each with its own sequences; 0: as many as the ranks make up
  StageRanks stages;
  int64_t branch = 0;  ///< ranks that share the branches among them; 0: chosen, see resolve_grid()
  Placement placement = Placement::replicate;
  int64_t merge_up_to = 1;  ///< a rank with at most so many branches merges them into the weights; 0: never
  PipelineOrder schedule = PipelineOrder::one_f_one_b;
  double timeout_s = 600;  ///< a rank that keeps the others waiting for longer ends the job

  /// Throws Error that names the field ("parallel.<field>"), what is expected and what was found.
  void validate() const;
};

}  // namespace modr
