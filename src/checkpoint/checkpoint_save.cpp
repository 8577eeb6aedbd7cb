#include "base/error.hpp"
#include "checkpoint/checkpoint.hpp"
#include "checkpoint/durable_file.hpp"

namespace modr {

namespace {

void write_info(H5File& file, const CheckpointInfo& info) {
  file.set_attribute_string("", "format", "modr-checkpoint");
  file.set_attribute_int("", "schema_version", kCheckpointSchema);
  file.set_attribute_string("", "modr_version", MODR_VERSION);
  file.set_attribute_int("", "step", info.step);
  file.set_attribute_uint("", "seed", info.seed);
  file.set_attribute_int("", "samples_consumed", info.samples_consumed);
  file.set_attribute_int("", "optimizer_step", info.optimizer_step);
  file.set_attribute_string("", "mode", info.mode);
  file.write_string("config", info.config);
}

}  // namespace

void save_checkpoint(const std::filesystem::path& path, const CheckpointInfo& info,
                     const std::vector<CheckpointWeight>& weights, const OptimizerTensors& optimizer) {
  try {
    DurableFile durable(path);
    H5File file = H5File::create(durable.temporary());
    write_info(file, info);
    file.create_group("weights");
    for (const CheckpointWeight& weight : weights) {
      const std::string dataset = "weights/" + weight.name;
      file.write_tensor(dataset, weight.tensor);
      file.set_attribute_int(dataset, "trainable", weight.trainable ? 1 : 0);
    }
    for (const auto& [name, tensor] : optimizer) file.write_tensor("optimizer/" + name, tensor);
    file.close();
    durable.commit();
  } catch (const Error& error) {
    fail("checkpoint of step {} was not saved: {}", info.step, error.what());
  }
}

}  // namespace modr
