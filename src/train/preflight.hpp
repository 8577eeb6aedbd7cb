#pragma once
// What a job will be like, and whether it fits, before it starts: `modr train --dry-run`.
#include <cstdint>
#include <filesystem>
#include <string>
#include <vector>

#include "train/train_job.hpp"

namespace modr {

/// Where a job is to run.
struct Machine {
  int64_t memory = 0;           ///< bytes
  int64_t program = 0;          ///< of them, taken by a process that has the data and no model yet
  int64_t ranks = 0;            ///< of the job that share it; 0: not known
  int64_t free_disk = 0;        ///< bytes, for the run's folder
  int64_t old_checkpoints = 0;  ///< bytes of this run's checkpoints there, in whose place new ones come
  bool writable = true;         ///< the run's folder, or where it will be made
};

/// This process's machine, `ranks` of the job on it, and the disk of `run_folder`, which need not be there yet.
Machine this_machine(const std::filesystem::path& run_folder, int64_t ranks);

struct Preflight {
  std::vector<std::string> lines;    ///< what the job will be, a line a fact
  std::vector<std::string> misfits;  ///< what will not fit; empty: it can start
};

/// Looks at a job of `ranks` ranks; not collective. Branches with placement auto are taken to be replicated.
Preflight check_job(const TrainJob& job, const TrainData& data, int64_t ranks, const Machine& machine);

/// About how many bytes a checkpoint of the job has: weights, and two moments of all that is trained.
int64_t checkpoint_bytes(const TrainJob& job);

}  // namespace modr
