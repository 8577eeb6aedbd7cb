#include "tools/cli/threads.hpp"

#include <omp.h>
#include <sched.h>
#include <unistd.h>

#include <algorithm>
#include <cstdlib>

#include "base/log.hpp"
#include "comm/launcher.hpp"

namespace modr::tools {

namespace {

int usable_cores() {
  cpu_set_t cores;
  CPU_ZERO(&cores);
  return sched_getaffinity(0, sizeof cores, &cores) == 0 ? std::max(1, CPU_COUNT(&cores)) : 1;
}

}  // namespace

int fair_threads(int usable, int all_cores, int ranks) {
  return usable < all_cores ? usable : std::max(1, all_cores / ranks);
}

void use_fair_threads() {
  const int usable = usable_cores(), all_cores = std::max(1, static_cast<int>(sysconf(_SC_NPROCESSORS_ONLN)));
  const int ranks = detect_launch().ranks_on_host;
  if (std::getenv("OMP_NUM_THREADS") == nullptr) omp_set_num_threads(fair_threads(usable, all_cores, ranks));
  const int threads = omp_get_max_threads();
  if (threads > 1 && ranks * threads > all_cores && launched_rank() == 0)
    warn("{} ranks of {} threads on the {} cores of this host take turns: expected OMP_NUM_THREADS={}, or fewer ranks",
         ranks, threads, all_cores, std::max(1, all_cores / ranks));
}

}  // namespace modr::tools
