using Campfire.Realtime.Emulator.Auth;

namespace Campfire.Realtime.Emulator.Realtime;

// What sockets and channels share.
internal sealed record RealtimeServices(
    TopicHub Hub,
    SocketRegistry Sockets,
    ChannelAdmission Admission,
    MessageStream Stream,
    TokenVerifier Verifier,
    EmulatorFaults Faults,
    ProjectRates Rates,
    EmulatorLimits Limits,
    EmulatorDelays Delays,
    TimeProvider Time);
