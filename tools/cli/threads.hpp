#pragma once

namespace modr::tools {

/// How many threads a rank may use: the cores it is bound to, or its part of all cores where `ranks` share them unbound;
/// at least 1.
int fair_threads(int usable_cores, int all_cores, int ranks);

/// Sets the number of threads of this process by that, unless OMP_NUM_THREADS says it, and warns when the ranks of this
/// host have more threads than it has cores. The one pool of threads is OpenMP's: kernels, oneDNN and checks share it.
void use_fair_threads();

}  // namespace modr::tools
