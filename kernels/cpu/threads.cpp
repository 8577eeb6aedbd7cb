#include "kernels/api/threads.hpp"

#include <omp.h>

namespace modr::kernels {

void on_each_thread(const std::function<void(bool)>& work) {
#pragma omp parallel
  work(omp_get_thread_num() == 0);
}

}  // namespace modr::kernels
