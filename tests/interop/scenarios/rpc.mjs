import assert from 'node:assert/strict'
import { host } from '../host.mjs'
import { connect } from '../members.mjs'

export async function Results_have_the_shape_of_the_function() {
  const client = await connect()

  const shapes = [
    ['interop_sum', { a: 2, b: 3 }, 5],
    ['interop_text', { value: 'é "x" 😀' }, 'é "x" 😀'],
    ['interop_json', { value: { a: [1, null, { b: 'c' }] } }, { a: [1, null, { b: 'c' }] }],
    ['interop_rows', { up_to: 2 }, [{ n: 1, square: 1 }, { n: 2, square: 4 }]],
    ['interop_rows', { up_to: 0 }, []],
    ['interop_numbers', { 'values': [1, 2, 3] }, 6],
    ['interop_nothing', undefined, null],
  ]
  for (const [name, args, expected] of shapes) {
    const { data, error } = await client.rpc(name, args)
    assert.equal(error, null)
    assert.deepEqual(data, expected, name)
  }
  assert.equal((await client.rpc('interop_sum', { a: 2 })).data, 12, 'a default fills what was left out')
  assert.equal((await client.rpc('interop_nothing')).status, 204)
  assert.equal((await client.rpc('interop_sum', { a: 1 })).status, 200)
}

export async function Function_is_read_with_get_and_head() {
  const client = await connect()

  const sum = await client.rpc('interop_sum', { a: 2, b: 3 }, { get: true })
  assert.deepEqual([sum.error, sum.status, sum.data], [null, 200, 5])
  const numbers = await client.rpc('interop_numbers', { values: [1, 2, 3] }, { get: true })
  assert.deepEqual([numbers.error, numbers.data], [null, 6])
  const counted = await client.rpc('interop_rows', { up_to: 3 }, { head: true, count: 'exact' })
  assert.deepEqual([counted.error, counted.data, counted.count], [null, null, 3])

  // What is read cannot write.
  await host.sql('create table if not exists public.interop_notes (note text)')
  await host.sql('create or replace function public.interop_note(note text) returns void language sql security definer as $$ insert into public.interop_notes values (note) $$')
  const written = await client.rpc('interop_note', { note: 'x' }, { get: true })
  assert.deepEqual([written.status, written.error.code], [405, '25006'])
}

export async function Function_runs_as_the_user_of_the_token() {
  const user = crypto.randomUUID()
  const token = await host.agentToken(user)

  assert.deepEqual((await (await connect()).rpc('interop_who')).data, { role: 'anon', sub: null })
  assert.deepEqual((await (await connect({ token })).rpc('interop_who')).data, { role: 'authenticated', sub: user })
  const { serviceKey, publishableKey, secretKey } = await host.project()
  for (const [key, role] of [[serviceKey, 'service_role'], [secretKey, 'service_role'], [publishableKey, 'anon']])
    assert.equal((await (await connect({ key })).rpc('interop_who')).data.role, role)
}

export async function Error_of_the_database_keeps_all_its_fields() {
  const { data, error, status } = await (await connect()).rpc('interop_fail', { state: 'P0001' })

  assert.equal(data, null)
  assert.equal(status, 400)
  assert.deepEqual([error.code, error.message, error.details, error.hint], ['P0001', 'what', 'why', 'how'])
}

export async function Status_is_what_the_sql_state_asks_for() {
  const client = await connect()
  for (const [state, expected] of [['PT409', 409], ['PT418', 418], ['23505', 409], ['22P02', 400], ['42501', 401]])
    assert.equal((await client.rpc('interop_fail', { state })).status, expected, state)

  const agent = await connect({ token: await host.agentToken() })
  assert.equal((await agent.rpc('interop_fail', { state: '42501' })).status, 403)
}

export async function Unknown_function_is_404_and_says_what_was_looked_for() {
  const client = await connect()

  const { error, status } = await client.rpc('interop_sun', { a: 1 })
  assert.equal(status, 404)
  assert.equal(error.code, 'PGRST202')
  assert.equal(error.message, 'Could not find the function public.interop_sun(a) in the schema cache')

  const wrongName = await client.rpc('interop_sum', { c: 1 })
  assert.deepEqual([wrongName.status, wrongName.error.code], [404, 'PGRST202'])
}

export async function Campfire_functions_answer_their_own_codes() {
  const desk = await host.desk()
  const visitor = await connect({ token: desk.visitorToken })
  const id = crypto.randomUUID()
  const send = (more) => visitor.rpc('campfire_send_message', { p_conversation_id: desk.conversationId, p_id: id, p_content: 'Hello', ...more })

  const sent = await send()
  assert.equal(sent.error, null)
  assert.deepEqual([sent.data.content, sent.data.sender_type, sent.data.sender_id], ['Hello', 'visitor', desk.visitorId])
  assert.equal((await send()).data.sequence, sent.data.sequence, 'a repeated send is the same message')

  const conflict = await send({ p_content: 'Another' })
  assert.deepEqual([conflict.status, conflict.error.code, conflict.error.message], [409, 'PT409', 'campfire_conflict'])
  assert.match(conflict.error.details, /already has this id/)
  assert.match(conflict.error.hint, /new id for each message/)

  const empty = await send({ p_id: crypto.randomUUID(), p_content: ' ' })
  assert.deepEqual([empty.status, empty.error.code, empty.error.message], [422, 'PT422', 'campfire_invalid'])

  const stranger = await connect({ token: (await host.desk()).visitorToken })
  const refused = await stranger.rpc('campfire_events', { p_conversation_id: desk.conversationId })
  assert.equal(refused.data, null)
  assert.ok([403, 404].includes(refused.status) && refused.error.code === `PT${refused.status}`, JSON.stringify(refused))
}

export async function Expired_token_is_401_with_its_code() {
  const client = await connect({ token: await host.agentToken(undefined, -60) })

  const { error, status } = await client.rpc('interop_who')

  assert.deepEqual([status, error.code, error.message], [401, 'PGRST303', 'JWT expired'])
}

export async function Wrong_signature_is_401_with_its_code() {
  const token = await host.agentToken()

  const { error, status } = await (await connect({ token: token.slice(0, -6) + 'AAAAAA' })).rpc('interop_who')

  assert.deepEqual([status, error.code], [401, 'PGRST301'])
}

export async function Table_request_is_answered_with_an_explanation() {
  const { error, status } = await (await connect()).from('messages').select()

  assert.equal(status, 501)
  assert.match(error.details, /does not serve public tables and views \(messages\), only functions/)
}
