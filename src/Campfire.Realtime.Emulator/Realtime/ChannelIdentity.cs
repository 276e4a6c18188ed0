using Campfire.Realtime.Emulator.Auth;

namespace Campfire.Realtime.Emulator.Realtime;

// As whom policies see a request.
internal sealed record ChannelIdentity(VerifiedToken Token, string HeadersJson);
