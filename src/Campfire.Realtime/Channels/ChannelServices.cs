using Campfire.Realtime.Connection;
using Campfire.Realtime.Tokens;
using Microsoft.Extensions.Logging;

namespace Campfire.Realtime.Channels;

/// <summary>What every channel of one client shares.</summary>
internal sealed record ChannelServices(
    CampfireClientOptions Options, ConnectionPool Connections, ChannelRegistry Registry, AccessTokenSource Tokens, Backoff Backoff, RealtimeBudget Budget, ILogger Logger);
