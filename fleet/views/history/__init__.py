"""The usage history of a home: transcripts of its accounts read into the ledger, and what the ledger tells.

The reports import nothing heavy, as `fleet status`: see `fleet.views.light.state`.
"""
