#include "comm/launcher.hpp"

#include <sys/ioctl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <array>
#include <charconv>
#include <chrono>
#include <cstdlib>
#include <thread>

#include "base/clock.hpp"
#include "base/error.hpp"

namespace modr {

namespace {

// The positive number in a variable, 0 if it is unset or something else. Slurm writes "4(x2)" for 4 on each of 2 hosts.
int number_in(const Environment& environment, const char* name, bool may_repeat = false) {
  const std::string text = environment(name).value_or("");
  int number = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  const bool ends = end == text.data() + text.size() || (may_repeat && (*end == '(' || *end == ','));
  return error == std::errc{} && ends && number > 0 ? number : 0;
}

}  // namespace

std::optional<std::string> process_environment(const char* name) {
  const char* value = std::getenv(name);
  return value ? std::optional<std::string>(value) : std::nullopt;
}

std::string host_name() {
  std::array<char, 256> name{};
  return gethostname(name.data(), name.size() - 1) == 0 ? name.data() : "?";
}

Launch detect_launch(const Environment& environment) {
  Launch launch;
  for (const char* name : {"OMPI_COMM_WORLD_SIZE", "PMIX_RANK", "PMI_RANK"}) {
    launch.by_mpi = launch.by_mpi || environment(name).has_value();
  }
  for (const char* name : {"OMPI_COMM_WORLD_SIZE", "PMI_SIZE"}) {
    if (launch.num_ranks == 0) launch.num_ranks = number_in(environment, name);
  }
  // The last wins: Slurm's is of mpirun's daemons where mpirun runs inside a Slurm job.
  for (const char* name : {"SLURM_STEP_TASKS_PER_NODE", "MPI_LOCALNRANKS", "OMPI_COMM_WORLD_LOCAL_SIZE"})
    if (const int ranks = number_in(environment, name, true); launch.by_mpi && ranks > 0) launch.ranks_on_host = ranks;
  for (const char* name : {"SLURM_LOCALID", "MPI_LOCALRANKID", "OMPI_COMM_WORLD_LOCAL_RANK"})
    if (launch.by_mpi && environment(name)) launch.place_on_host = number_in(environment, name);
  // SLURM_PROCID would be there in a batch script too, where this process is alone.
  const int slurm_tasks = number_in(environment, "SLURM_STEP_NUM_TASKS");
  if (slurm_tasks > 1 && launch.num_ranks == 0 && launch.by_mpi) launch.num_ranks = slurm_tasks;
  if (slurm_tasks > 1 && !launch.by_mpi) {
    fail("srun started {} tasks without MPI, each would run the whole job: expected srun --mpi=pmix", slurm_tasks);
  }
  return launch;
}

int launched_rank(const Environment& environment) {
  for (const char* name : {"OMPI_COMM_WORLD_RANK", "PMIX_RANK", "PMI_RANK"}) {
    if (environment(name)) return number_in(environment, name);
  }
  return 0;
}

bool is_read(int descriptor, double most_s) {
  struct stat status {};
  if (fstat(descriptor, &status) != 0 || !S_ISFIFO(status.st_mode)) return true;
  const Stopwatch waited;
  int unread = 0;
  while (ioctl(descriptor, FIONREAD, &unread) == 0 && unread > 0) {
    if (waited.seconds() >= most_s) return false;
    std::this_thread::sleep_for(std::chrono::milliseconds(1));
  }
  return true;
}

void check_num_ranks(const Launch& launch, int found) {
  if (launch.num_ranks == 0 || launch.num_ranks == found) return;
  fail("the launcher started {} ranks but MPI has found {}: expected the mpirun (or srun plugin) of the MPI that modr "
       "was built with",
       launch.num_ranks, found);
}

}  // namespace modr
