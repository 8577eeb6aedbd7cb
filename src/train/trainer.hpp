#pragma once
#include <filesystem>
#include <optional>
#include <string>

#include "comm/communicator.hpp"
#include "train/run_folder.hpp"
#include "train/time_limit.hpp"
#include "train/train_job.hpp"

namespace modr {

/// How a run ended.
struct TrainOutcome {
  std::filesystem::path checkpoint;  // the last one
  bool finished = false;             // all steps are done
  std::string why;                   // it stopped earlier: "interrupted by SIGTERM on rank 2", "the time limit is near"
};

/// Trains `job` on `data` over the ranks of `comm`, from where `start` says. Writes config.yaml, metrics.jsonl and
/// checkpoints to the run's folder (root rank), where make_room() makes room for them once all that could be wrong has
/// been looked at. SIGTERM, SIGINT, SIGHUP or SIGUSR1 to any rank, and a near `deadline`, let all save after the same
/// step and return. The same call on every rank; when one fails, or too many steps in a row have to be skipped
/// (LossGuard), all throw the same Error.
TrainOutcome train(const Communicator& comm, const TrainJob& job, const TrainData& data,
                   const RunStart& start, const std::optional<Deadline>& deadline = {});

}  // namespace modr
