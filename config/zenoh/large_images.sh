# SPDX-FileCopyrightText: 2026 The focus_stacking_ros authors
# SPDX-License-Identifier: Apache-2.0
# Large images over rmw_zenoh without loss: to be sourced, see docs/zenoh.md.
# Publications of images and clouds wait for room instead of being dropped; what may be dropped
# waits a second; large messages go through shared memory on one machine.
focus_stacking_types='"**/sensor_msgs::msg::dds_::Image_/**"'
focus_stacking_types="$focus_stacking_types,\"**/sensor_msgs::msg::dds_::PointCloud2_/**\""
focus_stacking_zenoh="qos/publication=[{key_exprs:[$focus_stacking_types],\
config:{congestion_control:\"block\"}}]"
for focus_stacking_setting in \
    transport/link/tx/queue/congestion_control/drop/wait_before_drop=1000000 \
    transport/link/tx/queue/congestion_control/drop/max_wait_before_drop_fragments=1000000 \
    transport/link/tx/queue/size/data=16 \
    transport/link/rx/buffer_size=16777216 \
    transport/shared_memory/enabled=true \
    transport/shared_memory/transport_optimization/pool_size=268435456; do
  focus_stacking_zenoh="$focus_stacking_zenoh;$focus_stacking_setting"
done
export ZENOH_CONFIG_OVERRIDE="${ZENOH_CONFIG_OVERRIDE:+$ZENOH_CONFIG_OVERRIDE;}$focus_stacking_zenoh"
unset focus_stacking_types focus_stacking_zenoh focus_stacking_setting
