# The command line of the real program: what a user gets for right and wrong use.

# modr_cli_test(NAME CODE STREAM REGEX ARGUMENTS...): STREAM is STDERR (then it is one line) or STDOUT.
function(modr_cli_test name code stream regex)
  add_test(NAME scenario/cli/${name} COMMAND ${CMAKE_COMMAND} -DCODE=${code} "-D${stream}=${regex}" -P
    ${CMAKE_CURRENT_SOURCE_DIR}/support/expect_exit.cmake -- $<TARGET_FILE:modr> ${ARGN})
  set_tests_properties(scenario/cli/${name} PROPERTIES TIMEOUT 60 LABELS scenario)
endfunction()

modr_cli_test(help 0 STDOUT "usage: modr COMMAND.*inspect .*verify " --help)
modr_cli_test(version 0 STDOUT "^modr ${PROJECT_VERSION}\n$" --version)
modr_cli_test(unknown_command 2 STDERR "^modr: unknown command 'inspcet'; did you mean 'inspect'.* .see modr --help.\n$"
  inspcet)
foreach(command bench diff eval generate inspect make-data plan tokenize train verify)
  modr_cli_test(${command}_help 0 STDOUT "^usage: modr ${command} .*--help.*--version" ${command} --help)
  modr_cli_test(${command}_version 0 STDOUT "^modr ${PROJECT_VERSION}\n$" ${command} --version)
  modr_cli_test(${command}_unknown_option 2 STDERR
    "^modr ${command}: unrecognised option '--versoin'; did you mean '--version'.*see modr ${command} --help.\n$"
    ${command} --versoin)
endforeach()

modr_cli_test(diff_one_file 2 STDERR "^modr diff: expected two files, A and B, found 1 " diff a.h5)
modr_cli_test(inspect_no_file 2 STDERR "^modr inspect: expected one FILE, found 0 " inspect)
modr_cli_test(inspect_missing_file 1 STDERR "^modr inspect: nowhere.h5: no such file\n$" inspect nowhere.h5)
modr_cli_test(inspect_foreign_file 1 STDERR "^modr inspect: .*/cli.cmake: not an HDF5 file\n$"
  inspect ${CMAKE_CURRENT_LIST_FILE})
modr_cli_test(tokenize_argument 2 STDERR "^modr tokenize: unexpected argument 'x' " tokenize x)
modr_cli_test(make_data_no_folder 2 STDERR "^modr make-data: expected --output DIR " make-data)
modr_cli_test(make_data_negative_seed 2 STDERR "^modr make-data: --seed: expected a whole number from 0, found '-1' "
  make-data --output unused --seed -1)
modr_cli_test(make_data_word 2 STDERR "^modr make-data: .*'many'.*--test" make-data --output unused --test many)
modr_cli_test(verify_dtype 2 STDERR "^modr verify: --dtype: .*'f8'.*expected f32, f64 or bf16 " verify --dtype f8 x.h5)
modr_cli_test(generate_no_checkpoint 2 STDERR "^modr generate: expected --checkpoint " generate --prompt x)
modr_cli_test(generate_no_prompt 2 STDERR "^modr generate: expected --prompt " generate --checkpoint x)
foreach(case "num_steps --num-steps 0" "max_new_tokens --max-new-tokens 0" "cache --cache compress-s0"
    "exit --exit never" "threshold --exit kl:x")
  separate_arguments(case)
  list(POP_FRONT case name)
  list(GET case 0 option)
  modr_cli_test(generate_${name} 2 STDERR "^modr generate: ${option}: .*expected.*found '?[^ ]+'? .see"
    generate --checkpoint x --prompt y ${case})
endforeach()
modr_cli_test(generate_missing_checkpoint 1 STDERR "^modr generate: nowhere.h5: no such file\n$"
  generate --checkpoint nowhere.h5 --prompt x)

modr_cli_test(eval_no_branch 2 STDERR "^modr eval: --branch: expected at least 1, found 0 "
  eval --checkpoint x --data y --branch 0)
modr_cli_test(eval_no_time 2 STDERR "^modr eval: --timeout: expected a positive number of seconds, found -1 "
  eval --checkpoint x --data y --timeout -1)

# Run files and overrides: 1 for a bad file, 2 for a bad option.
file(WRITE ${CMAKE_CURRENT_BINARY_DIR}/bad_run.yaml "seed: 1\nmodle: {}\n")
set(bad_run ${CMAKE_CURRENT_BINARY_DIR}/bad_run.yaml)
set(good_run ${CMAKE_SOURCE_DIR}/configs/run/demo_pretrain.yaml)
set(said_in_file "bad_run.yaml:2: modle: unknown key; did you mean 'model'")
modr_cli_test(train_no_config 2 STDERR "^modr train: expected --config FILE " train)
modr_cli_test(train_missing_config 1 STDERR "^modr train: nowhere.yaml: cannot be read: No such file"
  train --config nowhere.yaml)
modr_cli_test(train_bad_config 1 STDERR "^modr train: .*/${said_in_file}" train --config ${bad_run})
modr_cli_test(train_malformed_set 2 STDERR "^modr train: --set steps: expected key.path=value"
  train --config ${good_run} --set steps)
modr_cli_test(train_unknown_set 2 STDERR
  "^modr train: --set train.step=3: train.step: unknown key; did you mean 'steps'"
  train --config ${good_run} --set train.step=3)

modr_cli_test(plan_no_config 2 STDERR "^modr plan: expected --config FILE " plan)
modr_cli_test(plan_ranks 2 STDERR "^modr plan: .*this job has 4" plan --config ${good_run} --set parallel.data=3 --ranks 4)
modr_cli_test(plan_grid 0 STDOUT "2 x 64 tokens a pass\nranks? [0-9 ,-]+\n.*MiB  weights\n.*MiB  in all\nrank"
  plan --config ${good_run} --set "parallel.stages={prelude: 1, recurrence: 2, coda: 1}" --set train.microbatch=2)
modr_cli_test(plan_decode 0 STDOUT "^decoding, 3 x .*MiB  KV cache\n" plan --config ${good_run} --decode 3)

# The same line, once, from several ranks. (mpirun's own remarks on the exit code are not ours.)
add_test(NAME scenario/cli/mpirun_bad_config COMMAND ${CMAKE_COMMAND} -DCODE=1
  "-DSTDERR=^modr train: rank 0: .*/${said_in_file}" -P ${CMAKE_CURRENT_SOURCE_DIR}/support/expect_exit.cmake --
  ${mpirun} -n 3 $<TARGET_FILE:modr> train --config ${bad_run})
add_test(NAME scenario/cli/mpirun_wrong_use COMMAND ${CMAKE_COMMAND} -DCODE=2
  "-DSTDERR=^modr train: unrecognised option '--confi'" -P ${CMAKE_CURRENT_SOURCE_DIR}/support/expect_exit.cmake --
  ${mpirun} -n 3 $<TARGET_FILE:modr> train --confi)
set_tests_properties(scenario/cli/mpirun_bad_config scenario/cli/mpirun_wrong_use PROPERTIES ${mpi_properties}
  PROCESSORS 3 LABELS scenario)

# Benchmarks: the whole of one with the smallest sizes, on enough ranks for a pipeline.
modr_cli_test(bench_no_benchmark 2 STDERR "^modr bench: expected WHAT to measure, e.g. train " bench)
modr_cli_test(bench_unknown 2 STDERR "^modr bench: unknown benchmark 'exchang'; did you mean 'exchange'" bench exchang)
modr_cli_test(bench_exchange_help 0 STDOUT "^usage: modr bench exchange .*--sizes N,... .=64,1024,8192.*--json"
  bench exchange --help)
modr_cli_test(bench_exchange_one_rank 2 STDERR "^modr bench: expected at least 2 ranks, found 1: mpirun -n N "
  bench exchange)
foreach(case "sizes --sizes 64,x" "repeats --repeats 0" "n_embd --n-embd 48" "parts --parts none")
  separate_arguments(case)
  list(POP_FRONT case name)
  list(GET case 0 option)
  modr_cli_test(bench_exchange_${name} 2 STDERR "^modr bench: ${option}: expected.*found '?[^ ]+'? .see"
    bench exchange ${case})
endforeach()
add_test(NAME scenario/cli/bench_exchange COMMAND ${CMAKE_COMMAND} -DCODE=0
  "-DSTDOUT=^{.*\"ranks\": 3.*\"exchange\": .*\"overlap\": .*\"placement\": .*\"pipeline\": .*\"1\\+1\\+1\"" -P
  ${CMAKE_CURRENT_SOURCE_DIR}/support/expect_exit.cmake -- ${mpirun} -n 3 $<TARGET_FILE:modr> bench exchange --json
  --repeats 1 --sizes 1 --branches 1,3 --n-embd 32 --seq-len 2 --sequences 1 --recurrences 1 --microbatches 1)
set_tests_properties(scenario/cli/bench_exchange PROPERTIES ${mpi_properties} PROCESSORS 3 LABELS scenario)

foreach(benchmark train decode kernels)
  modr_cli_test(bench_${benchmark}_help 0 STDOUT "^usage: modr bench ${benchmark} .*--dtype NAME .=f32.*--json"
    bench ${benchmark} --help)
  foreach(case "dtype --dtype f64" "layers --layers 2+4" "n_embd --n-embd 0" "threads --threads 0")
    separate_arguments(case)
    list(POP_FRONT case name)
    list(GET case 0 option)
    modr_cli_test(bench_${benchmark}_${name} 2 STDERR "^modr bench: ${option}: expected.*found '?[^ ]+'? .see"
      bench ${benchmark} ${case})
  endforeach()
endforeach()
modr_cli_test(bench_sizes 2 STDERR "^modr bench: model.n_embd: .*n_heads" bench decode --n-embd 30 --n-heads 4)
set(small --json --repeats 1 --threads 2 --n-embd 32 --n-heads 2 --intermediate-size 48 --vocab-size 64 --layers 1+1+1)
set(steps --sequences 2 --seq-len 8 --no-grad 1 --with-grad 1 --steps 1)
modr_cli_test(bench_train 0 STDOUT
  "^{.*\"peaks\": .*\"step\": .*\"mode\": \"modr\".*\"peak_percent\": [0-9].*\"phases\": .*\"backward\""
  bench train ${small} ${steps} --mode modr --unit token --phases)
modr_cli_test(bench_decode 0 STDOUT "^{.*\"peaks\": .*\"decode\": .*\"batch\": 1,.*\"batch\": 3,.*\"grown_kib\": "
  bench decode ${small} --num-steps 2 --batch 1,3 --prompt 3 --new-tokens 2)
modr_cli_test(bench_kernels 0 STDOUT "^{.*\"kernels\": .*\"op\": \"attention, backward\".*\"floor_percent\": [0-9]"
  bench kernels ${small} --sequences 2 --seq-len 8)
add_test(NAME scenario/cli/bench_train_ranks COMMAND ${CMAKE_COMMAND} -DCODE=0
  "-DSTDOUT=^{.*\"step\": .*\"ranks\": 2,.*\"tokens_per_s\": [0-9]" -P
  ${CMAKE_CURRENT_SOURCE_DIR}/support/expect_exit.cmake -- ${mpirun} -n 2 $<TARGET_FILE:modr> bench train ${small}
  ${steps})
set_tests_properties(scenario/cli/bench_train_ranks PROPERTIES ${mpi_properties} PROCESSORS 2 LABELS scenario)

# What could not be written was not done.
add_test(NAME scenario/cli/full_stdout COMMAND ${CMAKE_COMMAND} -DCODE=1
  "-DSTDERR=^modr: cannot write to stdout: No space left on device\n$" -P
  ${CMAKE_CURRENT_SOURCE_DIR}/support/expect_exit.cmake -- bash -c "\"$<TARGET_FILE:modr>\" --help > /dev/full")
set_tests_properties(scenario/cli/full_stdout PROPERTIES TIMEOUT 60 LABELS scenario)
