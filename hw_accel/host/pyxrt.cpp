// SPDX-FileCopyrightText: 2026 The focus_stacking_ros authors
// SPDX-License-Identifier: Apache-2.0
// What the host uses of pyxrt 2.13, because XRT builds no Python module for embedded boards: names,
// overloads and types as there, so that the same mistakes fail in the same way.
#include <pybind11/numpy.h>
#include <pybind11/pybind11.h>

#include <string>

#include "xrt/xrt_bo.h"
#include "xrt/xrt_device.h"
#include "xrt/xrt_kernel.h"

namespace py = pybind11;

PYBIND11_MODULE(pyxrt, module)
{
  py::enum_<xclBOSyncDirection>(module, "xclBOSyncDirection")
  .value("XCL_BO_SYNC_BO_TO_DEVICE", XCL_BO_SYNC_BO_TO_DEVICE)
  .value("XCL_BO_SYNC_BO_FROM_DEVICE", XCL_BO_SYNC_BO_FROM_DEVICE);

  // Without ERT_CMD_STATE_RUNNING, as there.
  py::enum_<ert_cmd_state>(module, "ert_cmd_state")
  .value("ERT_CMD_STATE_NEW", ERT_CMD_STATE_NEW)
  .value("ERT_CMD_STATE_QUEUED", ERT_CMD_STATE_QUEUED)
  .value("ERT_CMD_STATE_COMPLETED", ERT_CMD_STATE_COMPLETED)
  .value("ERT_CMD_STATE_ERROR", ERT_CMD_STATE_ERROR)
  .value("ERT_CMD_STATE_ABORT", ERT_CMD_STATE_ABORT)
  .value("ERT_CMD_STATE_SUBMITTED", ERT_CMD_STATE_SUBMITTED)
  .value("ERT_CMD_STATE_TIMEOUT", ERT_CMD_STATE_TIMEOUT)
  .value("ERT_CMD_STATE_NORESPONSE", ERT_CMD_STATE_NORESPONSE);

  py::class_<xrt::uuid>(module, "uuid")
  .def("to_string", &xrt::uuid::to_string);

  py::class_<xrt::device>(module, "device")
  .def(py::init<unsigned int>())
  .def(
    "load_xclbin", [](xrt::device & device, const std::string & path) {
      return device.load_xclbin(path);
    });

  py::class_<xrt::kernel>(module, "kernel")
  .def(
    py::init(
      [](const xrt::device & device, const xrt::uuid & xclbin, const std::string & name) {
        return new xrt::kernel(device, xclbin, name);
      }))
  .def("group_id", &xrt::kernel::group_id);

  py::class_<xrt::bo> buffer(module, "bo");
  py::enum_<xrt::bo::flags>(buffer, "flags")
  .value("normal", xrt::bo::flags::normal)
  .value("cacheable", xrt::bo::flags::cacheable)
  .export_values();
  buffer
  .def(py::init<xrt::device, size_t, xrt::bo::flags, xrt::memory_group>())
  .def(
    "sync", [](xrt::bo & self, xclBOSyncDirection direction, size_t size, size_t offset) {
      self.sync(direction, size, offset);
    })
  .def(
    "map", [](xrt::bo & self) {
      return py::memoryview::from_memory(self.map(), static_cast<ssize_t>(self.size()));
    })
  .def("size", &xrt::bo::size)
  .def("address", &xrt::bo::address);

  py::class_<xrt::run>(module, "run")
  .def(py::init<const xrt::kernel &>())
  .def("start", [](xrt::run & self) {self.start();})
  .def("set_arg", [](xrt::run & self, int index, xrt::bo & value) {self.set_arg(index, value);})
  .def("set_arg", [](xrt::run & self, int index, int & value) {self.set_arg<int &>(index, value);})
  .def("wait", [](xrt::run & self, unsigned int timeout_ms) {return self.wait(timeout_ms);})
  .def("state", &xrt::run::state);
}
