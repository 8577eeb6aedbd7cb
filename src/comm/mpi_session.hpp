#pragma once
#include "comm/communicator.hpp"
#include "comm/launcher.hpp"

namespace modr {

/// The job, from its first to its last message; one a process, made in main().
///
/// Under mpirun or srun --mpi=pmix it initialises MPI (thread level SERIALIZED: any thread may communicate, one at a
/// time, see mpi_mutex(); under MULTIPLE Open MPI's TCP one-sided transport refuses to work, and WorkCounter needs it).
/// A process that was started by itself gets the `self` group and leaves MPI alone: Open MPI's own way of running alone
/// starts a daemon first, and fails where it finds no ssh.
class MpiSession {
 public:
  /// Throws Error when MPI cannot start, or when the launcher and MPI disagree about the number of ranks.
  MpiSession();
  /// Ends MPI, once all ranks get here. While an exception passes through it leaves MPI as it is, since other ranks may
  /// be waiting in a collective: the caller has to call abort(), or exit with a code that makes mpirun end the job.
  ~MpiSession();
  MpiSession(const MpiSession&) = delete;
  MpiSession& operator=(const MpiSession&) = delete;

  /// All ranks of the job. Not to be used after the session.
  const Communicator& world() const { return world_; }
  /// Collective: the job's last one. MPI has no time-out of its own for ending, so that without this call a rank which
  /// does not come leaves the others there. Throws CommError.
  void finish() const;
  /// Ends the whole job at once, all ranks, with exit code `code`; runs no destructors.
  [[noreturn]] void abort(int code) const;

 private:
  explicit MpiSession(const Launch& launch);

  bool by_mpi_;
  int exceptions_at_start_;
  Communicator world_;
};

}  // namespace modr
