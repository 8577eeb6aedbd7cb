#pragma once
#include <functional>

namespace modr::kernels {

/// Calls work(is_caller) once on each of the threads that kernels compute on, at the same time.
void on_each_thread(const std::function<void(bool)>& work);

}  // namespace modr::kernels
