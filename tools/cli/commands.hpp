#pragma once
// The subcommands of `modr`, one file each. argv[0] is the subcommand's name. Each returns the exit code and throws
// UsageError for wrong use and Error for what fails; main() prints and exits.

namespace modr::tools {

int run_bench(int argc, char** argv);
int run_diff(int argc, char** argv);
int run_eval(int argc, char** argv);
int run_generate(int argc, char** argv);
int run_inspect(int argc, char** argv);
int run_make_data(int argc, char** argv);
int run_plan(int argc, char** argv);
int run_tokenize(int argc, char** argv);
int run_train(int argc, char** argv);
int run_verify(int argc, char** argv);

}  // namespace modr::tools
