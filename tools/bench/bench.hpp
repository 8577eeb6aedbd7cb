#pragma once
// The benchmarks of `modr bench`, one file each. argv[0] is the benchmark's name; the rest is as in commands.hpp.

namespace modr::tools {

int run_bench_train(int argc, char** argv);
int run_bench_decode(int argc, char** argv);
int run_bench_kernels(int argc, char** argv);
int run_bench_exchange(int argc, char** argv);
int run_bench_checkpoint(int argc, char** argv);

}  // namespace modr::tools
