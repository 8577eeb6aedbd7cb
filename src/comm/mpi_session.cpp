#include "comm/mpi_session.hpp"

#include <unistd.h>

#include <cstdio>
#include <cstdlib>
#include <exception>
#include <string>

#include "base/error.hpp"
#include "comm/mpi_backend.hpp"
#include "comm/mpi_check.hpp"

#ifdef MODR_KEEP_PLUGINS
// Open MPI unloads its plugins at the end, and sanitizers then know no names any more to suppress by (cmake/sanitizers):
// so nothing is unloaded.
extern "C" int dlclose(void*);
extern "C" int dlclose(void*) { return 0; }
#endif

namespace modr {

namespace {

// Open MPI 4's one-sided component `rdma` names its shared file after the job and the communicator's id alone, and
// groups without a common rank have equal ids: their windows meet in one file, and their counters with them
// (github.com/open-mpi/ompi/pull/9525, in 5.0). `sm` on one node, and `ucx` and `pt2pt` between nodes, are sound.
void avoid_unsound_components() {
  std::string version(MPI_MAX_LIBRARY_VERSION_STRING, '\0');
  int length = 0;
  MODR_MPI(MPI_Get_library_version, version.data(), &length);
  if (version.starts_with("Open MPI v4.")) setenv("OMPI_MCA_osc", "^rdma", /*overwrite=*/0);
}

Communicator start(const Launch& launch) {
  if (!launch.by_mpi) return Communicator::self();
  int initialized = 0;
  MODR_MPI(MPI_Initialized, &initialized);
  MODR_CHECK(!initialized, "a process has one MpiSession");
  avoid_unsound_components();
  int provided = MPI_THREAD_SINGLE;
  MODR_MPI(MPI_Init_thread, nullptr, nullptr, MPI_THREAD_SERIALIZED, &provided);
  MODR_MPI(MPI_Comm_set_errhandler, MPI_COMM_WORLD, MPI_ERRORS_RETURN);
  if (provided < MPI_THREAD_SERIALIZED) fail("this MPI has no thread level SERIALIZED (it offers {})", provided);
  Communicator world(make_mpi_backend());
  check_num_ranks(launch, world.size());
  return world;
}

}  // namespace

MpiSession::MpiSession() : MpiSession(detect_launch()) {}

MpiSession::MpiSession(const Launch& launch)
    : by_mpi_(launch.by_mpi), exceptions_at_start_(std::uncaught_exceptions()), world_(start(launch)) {}

MpiSession::~MpiSession() {
  if (by_mpi_ && std::uncaught_exceptions() == exceptions_at_start_) MPI_Finalize();
}

void MpiSession::finish() const {
  world_.announce({.phase = "end of the job"});
  world_.barrier();
}

void MpiSession::abort(int code) const {
  std::fflush(nullptr);
  if (by_mpi_ && is_read(STDERR_FILENO, /*most_s=*/0.5)) is_read(STDOUT_FILENO, /*most_s=*/0.5);
  if (by_mpi_) MPI_Abort(MPI_COMM_WORLD, code);
  std::_Exit(code);
}

}  // namespace modr
