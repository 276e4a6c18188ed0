using System.Text;
using Npgsql;

namespace Campfire.Realtime.Emulator.Realtime;

internal sealed class MessageHistory(NpgsqlDataSource database)
{
    private const string Sql = """
        select id, event, payload, binary_payload
        from realtime.messages
        where topic = $1 and private and extension = 'broadcast'
          and inserted_at >= $2 and inserted_at < (now() at time zone 'utc') + interval '1 minute'
        order by inserted_at desc
        limit $3
        """;

    private const int TimeoutInSeconds = 5;

    // The newest ones since then, oldest first.
    public async Task<IReadOnlyList<BroadcastFrames>> ReadAsync(
        string subTopic, byte[] topic, ReplayRequest request, CancellationToken cancellationToken)
    {
        var rows = new List<BroadcastFrames>();
        var command = database.CreateCommand(Sql);
        await using (command.ConfigureAwait(false))
        {
            command.CommandTimeout = TimeoutInSeconds;
            command.Parameters.Add(new NpgsqlParameter<string> { TypedValue = subTopic });
            command.Parameters.Add(new NpgsqlParameter<DateTime>
            {
                TypedValue = DateTime.SpecifyKind(request.Since!.Value.UtcDateTime, DateTimeKind.Unspecified),
            });
            command.Parameters.Add(new NpgsqlParameter<int> { TypedValue = request.Limit });
            var reader = await command.ExecuteReaderAsync(cancellationToken).ConfigureAwait(false);
            await using (reader.ConfigureAwait(false))
            {
                while (await reader.ReadAsync(cancellationToken).ConfigureAwait(false))
                {
                    var isBinary = reader.IsDBNull(2);
                    if (reader.IsDBNull(1) || (isBinary && reader.IsDBNull(3)))
                        continue;
                    rows.Add(BroadcastFrames.User(
                        topic,
                        Encoding.UTF8.GetBytes(reader.GetString(1)),
                        reader.GetFieldValue<byte[]>(isBinary ? 3 : 2),
                        isBinary,
                        reader.GetGuid(0).ToString(),
                        isReplayed: true));
                }
            }
        }
        rows.Reverse();
        return rows;
    }
}
