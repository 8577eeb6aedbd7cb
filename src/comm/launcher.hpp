#pragma once
#include <functional>
#include <optional>
#include <string>

namespace modr {

/// Reads one environment variable; nothing when it is not set.
using Environment = std::function<std::optional<std::string>(const char* name)>;

/// This process's own environment.
std::optional<std::string> process_environment(const char* name);

/// The name of the host that this process runs on; "?" where it has none.
std::string host_name();

/// How this process was started.
struct Launch {
  /// By mpirun, or by srun with an MPI plugin: MPI is to be initialised.
  bool by_mpi = false;
  /// Number of ranks the launcher says it started; 0 where it does not say.
  int num_ranks = 0;
  /// How many of them run on this host; 1 where it does not say.
  int ranks_on_host = 1;
  /// Which of them this one is, from 0; 0 where it does not say.
  int place_on_host = 0;
};

/// Tells from the launchers' variables (Open MPI's, MPICH's, PMIx, PMI). Throws Error when Slurm started several tasks
/// that cannot find each other (srun without an MPI plugin): each would run the whole job over the others' files.
Launch detect_launch(const Environment& environment = process_environment);

/// The rank that the launcher says this process has, known before MPI is initialised; 0 for a process alone.
int launched_rank(const Environment& environment = process_environment);

/// Waits until what was written into a pipe has been read at its other end, `most_s` seconds at most, and says whether
/// it has; for what is no pipe at once. MPICH's mpirun ends with an abort without reading what is still in its pipes.
bool is_read(int descriptor, double most_s);

/// Throws Error when the launcher started another number of ranks than MPI has found, as when one MPI's mpirun starts
/// a program that was built with another MPI.
void check_num_ranks(const Launch& launch, int found);

}  // namespace modr
